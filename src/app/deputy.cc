#include "app/deputy.h"

namespace copper::app {

void Deputy::Look() {
  if (self_ == 0 || looking_) return;
  looking_ = true;
  Ask(self_ - 1);
}

void Deputy::Ask(Rank rank) {
  peers_.Ping(rank, [this, rank](bool there) {
    if (!there && rank > 0) return Ask(rank - 1);
    looking_ = false;
    if (!there && !acting_) {
      log_.Warning("no rank below {} answers: it takes over what rank 0 does", self_);
      acting_ = true;
      on_acting_();
    } else if (there && acting_) {
      log_.Info("rank {} is back: rank {} steps down", rank, self_);
      acting_ = false;
    }
  });
}

}  // namespace copper::app

#include "copper/job/deputy.h"

#include <algorithm>

#include "job/first_ranks.h"

namespace copper::job {

bool Deputy::IsFirst(Rank self, uint32_t ranks) {
  const std::vector<Rank> firsts = FirstRanks(ranks);
  return std::ranges::find(firsts, self) != firsts.end();
}

std::unique_ptr<Deputy> Deputy::Make(Rank self, uint32_t ranks, RollCall& roll_call, Logger& log,
                                     std::function<void()> on_acting) {
  std::vector<Rank> before = FirstRanks(ranks);
  const auto own = std::ranges::find(before, self);
  if (own == before.end()) return nullptr;
  before.erase(own, before.end());
  return std::unique_ptr<Deputy>(new Deputy(std::move(before), roll_call, log, std::move(on_acting)));
}

void Deputy::Look() {
  if (asked_ != 0) return;
  asked_ = before_.size();
  there_.reset();
  for (const Rank rank : before_) {
    roll_call_.Ping(rank, [this, rank](bool there) { OnAnswer(rank, there); });
  }
}

void Deputy::OnAnswer(Rank rank, bool there) {
  if (there) there_ = rank;
  if (--asked_ == 0) Decide();
}

void Deputy::Decide() {
  if (!there_ && !acting_) {
    log_.Warning("rank 0 and the deputies before this one do not answer: this rank takes over what rank 0 does");
    acting_ = true;
    on_acting_();
  } else if (there_ && acting_) {
    log_.Info("rank {} is back: this rank steps down", *there_);
    acting_ = false;
  }
}

}  // namespace copper::job

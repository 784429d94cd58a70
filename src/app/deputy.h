// Who of the job's first ranks looks into control/ and speaks for the job: the lowest that lives.
//
// Each of the ranks 1 to 3 asks the one below it every few seconds whether it is there; if not, the ones below that. If
// none is, this rank acts, until one is there again. Idle costs these few messages per job. In the loop.
#pragma once

#include <functional>

#include "app/peers.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"

namespace copper::app {

class Deputy {
 public:
  // How often a deputy that does not act looks.
  static constexpr Duration kPause = std::chrono::seconds(5);

  Deputy(Rank self, Peers& peers, Logger& log, std::function<void()> on_acting)
      : self_(self), peers_(peers), log_(log), on_acting_(std::move(on_acting)), acting_(self == 0) {}

  bool IsActing() const { return acting_; }
  // Now: every kPause, and when a rank below may be lost.
  void Look();

 private:
  void Ask(Rank rank);

  const Rank self_;
  Peers& peers_;
  Logger& log_;
  const std::function<void()> on_acting_;  // this rank acts from now on
  bool acting_;
  bool looking_ = false;
};

}  // namespace copper::app

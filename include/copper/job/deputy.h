// Who looks into control/ and speaks for the job: the first of the first ranks (job/first_ranks.h) that lives.
//
// Each deputy asks, now and then, all those before it whether they are there; if none is, it acts, until one is there
// again. Idle costs these few messages per job; all other ranks ask nobody. In the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/job/roll_call.h"

namespace copper::job {

class Deputy {
 public:
  // How often a deputy looks, whether it acts or not.
  static constexpr Duration kPause = std::chrono::seconds(30);

  // Whether a rank is one of the first: rank 0, or a deputy.
  static bool IsFirst(Rank self, uint32_t ranks);
  // Null for a rank that is none of the first.
  static std::unique_ptr<Deputy> Make(Rank self, uint32_t ranks, RollCall& roll_call, Logger& log,
                                      std::function<void()> on_acting);

  bool IsActing() const { return acting_; }
  // Now: every kPause, and when a rank before this one may be lost.
  void Look();

 private:
  Deputy(std::vector<Rank> before, RollCall& roll_call, Logger& log, std::function<void()> on_acting)
      : before_(std::move(before)),
        roll_call_(roll_call),
        log_(log),
        on_acting_(std::move(on_acting)),
        acting_(before_.empty()) {}

  void OnAnswer(Rank rank, bool there);
  void Decide();

  const std::vector<Rank> before_;
  RollCall& roll_call_;
  Logger& log_;
  const std::function<void()> on_acting_;  // this rank acts from now on
  bool acting_;
  size_t asked_ = 0;           // who has not answered yet
  std::optional<Rank> there_;  // one that has
};

}  // namespace copper::job

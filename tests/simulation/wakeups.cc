#include "simulation/wakeups.h"

#include <algorithm>
#include <utility>

namespace copper::simulation {

class SimulatedWakeups::One final : public Wakeup, public std::enable_shared_from_this<One> {
 public:
  explicit One(SimulatedWakeups& owner) : owner_(owner) {}

  void Wake() override {
    woken_ = true;
    if (fiber_ != nullptr) GoOnAt(owner_.queue_.Now());
  }

  bool WaitUntil(TimePoint until) override {
    if (!woken_ && !owner_.is_ended_) {
      fiber_ = owner_.fibers_.current();
      ++waits_;
      owner_.waiting_.push_back(this);
      if (until != kNever) GoOnAt(until);
      owner_.fibers_.Wait();
    }
    return std::exchange(woken_, false);
  }

  void GoOn() {
    std::erase(owner_.waiting_, this);
    owner_.fibers_.Resume(std::exchange(fiber_, nullptr));
  }

 private:
  // That wait, and no later one.
  void GoOnAt(TimePoint when) {
    owner_.queue_.At(when, What::kTask, owner_.host_, [self = shared_from_this(), wait = waits_] {
      if (self->fiber_ != nullptr && self->waits_ == wait) self->GoOn();
    });
  }

  SimulatedWakeups& owner_;
  Fibers::Fiber* fiber_ = nullptr;  // that waits
  uint64_t waits_ = 0;
  bool woken_ = false;
};

std::shared_ptr<Wakeup> SimulatedWakeups::Make() {
  return std::make_shared<One>(*this);
}

void SimulatedWakeups::EndAll() {
  is_ended_ = true;
  while (!waiting_.empty()) waiting_.back()->GoOn();
}

}  // namespace copper::simulation

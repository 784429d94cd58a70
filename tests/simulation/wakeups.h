// copper/base/wakeup.h in simulated time: who waits is a fiber, which goes on by an event of its rank.
#pragma once

#include <memory>
#include <vector>

#include "copper/base/wakeup.h"
#include "simulation/event_queue.h"
#include "simulation/fibers.h"

namespace copper::simulation {

class SimulatedWakeups final : public Wakeups {
 public:
  SimulatedWakeups(EventQueue& queue, Fibers& fibers, Host& host) : queue_(queue), fibers_(fibers), host_(host) {}

  std::shared_ptr<Wakeup> Make() override;
  // Nobody is waited for any more: who waits goes on at once, in the process of a dead rank, too.
  void EndAll();

 private:
  class One;

  EventQueue& queue_;
  Fibers& fibers_;
  Host& host_;
  std::vector<One*> waiting_;
  bool is_ended_ = false;
};

}  // namespace copper::simulation

// A gate per service: work passes while it is open; Close refuses new work and waits until what passed has left.
// After Seastar's gate (docs.seastar.io, seastar::gate). Any thread.
#pragma once

#include <optional>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper {

class Gate {
 public:
  // Leaves the gate when destroyed.
  class Pass {
   public:
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_;
  };

  // nullopt once the gate is closed.
  std::optional<Pass> Enter();
  // False if work was still inside at the deadline; the gate stays closed.
  [[nodiscard]] bool Close(Duration timeout);

 private:
  void Leave();

  Mutex mutex_;
  Condition empty_;
  int inside_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper

// Calls of the product that block (the source's, on a pool) in a simulation of one thread: each runs on a stack of its
// own, and waiting is a switch to the main stack (ucontext(3)), on which all events run. Sanitizers
// know nothing of such switches: nothing of this is built with them.
#pragma once

#include <ucontext.h>

#include <memory>
#include <vector>

#include "copper/base/worker_pool.h"

namespace copper::simulation {

class Fibers {
 public:
  class Fiber;

  Fibers();
  ~Fibers();  // those that still wait are left as they are
  Fibers(const Fibers&) = delete;

  // Runs `work` on a stack of its own until it is over, or waits. From the main stack.
  void Run(Task work);
  // The one that runs; null on the main stack.
  Fiber* current() const { return current_; }
  // Of the one that runs: gives the main stack back, until Resume.
  void Wait();
  // From the main stack.
  void Resume(Fiber* fiber);

 private:
  static void Begin(unsigned low, unsigned high);
  void SwitchTo(Fiber& fiber);

  ucontext_t main_{};
  Fiber* current_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> idle_;
};

}  // namespace copper::simulation

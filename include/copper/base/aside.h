// Work that may never come back (joining a thread that sits in a source which hangs, a write into a directory that
// does), in a thread of its own, so that whoever waits for it can stop waiting.
//
// What has not come back stays: its thread, and with that everything the work uses. None of it may be destroyed any
// more, static objects neither: from then on the process can end by _exit(2) only. Work that refers to what its caller
// will destroy nevertheless must not be given here.
#pragma once

#include <memory>

#include "copper/base/clock.h"
#include "copper/base/worker_pool.h"

namespace copper {

class Aside {
 public:
  // Begins at once. Where no thread is to be had the work is done here.
  explicit Aside(Task work);
  // Whether the work is done; waits for it that long at most. May be asked again. Any thread.
  [[nodiscard]] bool IsDoneWithin(Duration patience) const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // with the thread
};

}  // namespace copper

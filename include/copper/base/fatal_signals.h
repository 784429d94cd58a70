// Whether a thread is about to die of a signal, from what the kernel says of it. Pure.
//
// A fatal signal that dumps no core is mostly given to every thread of the group as SIGKILL, at once (complete_signal
// in kernel/signal.c); so are the threads beside the one that dumps core, calls exec or ends the group. One that dumps
// core, or comes while each thread has another one to handle first, leaves only its own bit until the thread it was
// meant for takes it, which a thread that waits for the mount can't.
#pragma once

#include <string_view>

namespace copper {

enum class Fate {
  kLives,  // whatever it has been sent will be handled, is ignored or held back, stops it, or goes to its tracer first
  kEnds,   // a signal that ends it is there, or it has ended
  kUnknown,  // the text does not say
};

// `status`: a thread's file as in proc_pid_status(5).
Fate FateOf(std::string_view status);

}  // namespace copper

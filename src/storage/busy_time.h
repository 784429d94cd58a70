// How long the calling thread has kept itself busy since it began: its time on a processor, and its waits for one where
// the kernel counts these (CONFIG_SCHED_INFO: /proc/thread-self/schedstat, the second number, in ns). What its waits
// for anything else took is the rest of the time that has passed. Some 2 us. Any thread.
#pragma once

#include "copper/base/clock.h"

namespace copper::storage {

Duration ThreadBusyTime();

}  // namespace copper::storage

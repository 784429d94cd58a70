// What a rank's conversations with the others (job/roll_call.h, job/ending.h) work with. All of it outlives them.
#pragma once

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/worker_pool.h"
#include "copper/job/losses.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

struct JobParts {
  rpc::Channel& channel;
  const tree::Forest& forest;
  Executor& loop;  // where hooks are called
  Losses& losses;
  const Clock& clock;
  Logger& log;
};

}  // namespace copper::job

#include "copper/job/stop_reason.h"

namespace copper::job {

std::string Describe(StopReason reason, Rank rank) {
  const std::string where = " on rank " + std::to_string(rank);
  switch (reason) {
    case StopReason::kRequest:
      return "asked to stop through the job directory";
    case StopReason::kSignal:
      return "SIGTERM, SIGINT or SIGHUP" + where;
    case StopReason::kIoctl:
      return "asked to stop through the mount" + where;
    case StopReason::kUnmounted:
      return "every mount was unmounted";
    case StopReason::kFailure:
      return "a failure" + where;
  }
  return "asked to stop" + where;
}

}  // namespace copper::job

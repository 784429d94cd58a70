// copper snapshot: writes what all ranks have counted so far.

#include "cli/order.h"
#include "cli/verbs.h"
#include "copper/base/control_ioctl.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;

int Snapshot(const std::string& place, const std::string& tag) {
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  return Give(*found, {.request = {{"verb", "snapshot"}, {"tag", tag}},
                       .command = kSnapshotCommand,
                       .text = tag,
                       .doing = "write a snapshot",
                       .timeout = std::chrono::seconds(90)});
}

}  // namespace copper::cli

#include "copper/jobdir/end_record.h"

#include <unistd.h>

#include <cerrno>

#include "copper/base/files.h"
#include "copper/jobdir/json.h"

namespace copper {

bool EndRecord::Write(const KnownEnd& end) const {
  const bool ours = parts_.claim.Holds();
  if (ours) {
    WriteHere(end);
  } else {
    WriteElsewhere(end);
  }
  parts_.claim.Release();
  return ours;
}

void EndRecord::WriteHere(const KnownEnd& end) const {
  static_cast<void>(MakeDirectories(job_.logs(), 0700));  // they may have been removed
  if (end.by == KnownEnd::By::kConductor) {
    unlink(job_.ready_file().c_str());
    const Status recorded = parts_.record.Exit(end.status, end.reason, end.lost);
    if (recorded) return;
    parts_.log.Error("{}", recorded.error().Describe());
    WriteElsewhere(end);
  } else if (end.by == KnownEnd::By::kAlone) {
    const Status recorded = parts_.record.ExitAlone(end.status, end.reason, end.lost);
    if (recorded) unlink(job_.ready_file().c_str());
    if (!recorded && recorded.error().code != EEXIST) parts_.log.Error("{}", recorded.error().Describe());
  }
}

void EndRecord::WriteElsewhere(const KnownEnd& end) const {
  const bool is_looked_for = end.status != 0 || end.stopped_by_mount;
  if (end.by != KnownEnd::By::kConductor || !is_looked_for) return;
  Status recorded = MakeDirectories(elsewhere_.root(), 0700);
  if (recorded) recorded = MakeDirectories(elsewhere_.logs());
  const Json told = {{"status", end.status}, {"reason", end.reason}, {"lost", end.lost}};
  if (recorded) recorded = WriteWholeFile(elsewhere_.exit_file(), told.dump() + "\n");
  if (!recorded) parts_.log.Error("{}", recorded.error().Describe());
}

}  // namespace copper

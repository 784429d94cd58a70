// How the verbs of `copper` find a job and talk to it: through its job directory, or through one of its mounts.
#pragma once

#include <optional>
#include <string>

#include "copper/base/clock.h"
#include "copper/base/job_directory.h"
#include "copper/base/json.h"
#include "copper/base/result.h"

namespace copper::postproc {

// What a verb was given: the mount of a running job, or a job directory.
struct Place {
  std::string path;
  std::optional<Json> mount_status;  // of a mount: its .copper/status.json
  JobDirectory job;                  // of a mount: what its status names
};

// ENOENT or ENOTDIR where there is nothing; the message says that nothing is running there.
Result<Place> FindJob(const std::string& path);

// How the last job here ended; nullopt where none has.
struct Exit {
  int status = 0;
  std::string reason;
};
std::optional<Exit> ReadExit(const JobDirectory& job);

// Identifies a file that is replaced by rename; empty where there is none.
std::string FileStamp(const std::string& path);

}  // namespace copper::postproc

// How the verbs of `copper` find a job and talk to it: through its job directory, or through one of its mounts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/jobdir/job_directory.h"
#include "copper/jobdir/json.h"

namespace copper {

class Watchdog {
 public:
  Watchdog(std::chrono::duration<double> seconds, std::string message);

 private:
  std::jthread thread_;
};

// What a verb was given: the mount of a running job, or a job directory.
struct Place {
  std::string path;
  std::optional<Json> mount_status;  // of a mount: its .copper/status.json
  JobDirectory job;                  // of a mount: what its status names
};

// ENOENT where there is nothing; the message says that nothing is running there.
Result<Place> FindJob(const std::string& path);

// "ada (1000)"; the number alone where it has no name.
std::string NameOf(uid_t user);

// Whether the directory's ready.json is that of the job of this id.
bool IsRecorded(const JobDirectory& job, const std::string& id);

// How the last job here ended; nullopt where none has.
struct Exit {
  int status = 0;
  std::string reason;
  bool lost_ranks = false;
};
std::optional<Exit> ReadExit(const JobDirectory& job);

// What is left of a job that does not answer: how the last one ended, why its ranks failed, which of its processes on
// this host are gone without a trace or still there. Lines to follow a message, each with a line break before it.
std::string DescribeRemains(const JobDirectory& job);

// The processes of a job that runs, and its mounts, as they were when they were looked up: a job that ends removes the
// file that names them.
class Processes {
 public:
  // None where nothing runs, or `job` has no path.
  explicit Processes(const JobDirectory& job);

  // Whether it is known that none is left: only where all are on this host.
  bool HaveEnded() const;
  struct Remaining {
    std::string name;  // "rank 2 on host, process 71"
    bool is_stopped;   // by SIGSTOP, or a debugger
    bool operator==(const Remaining&) const = default;
  };
  // Of those on this host the ones that are there still, after waiting so long for their end; and the parents that
  // started them, if these are stopped: else they wait for what they have started, and end with it.
  std::vector<Remaining> RemainingAfter(Duration patience) const;
  struct RemainingMount {
    std::string point;
    std::string name;  // of its rank, as above
    int pid = 0;       // of its daemon; 0 where that is gone
  };
  // The job's mounts on this host that are there still. Asks none of them.
  std::vector<RemainingMount> RemainingMounts() const;

 private:
  struct Process {
    std::string name;
    int pid = 0;
    uint64_t started = 0;  // what tells it from a later one of this pid
  };
  static std::vector<Remaining> StillThere(const std::vector<Process>& processes);

  struct Mounted {
    Process daemon;
    std::string point;
    uint64_t id = 0;  // what tells the mount from a later one at this point
  };

  std::vector<Process> here_, parents_;
  std::vector<Mounted> mounts_;  // on this host
  bool all_here_ = false;
};

// Asks the job in a directory (copper/jobdir/job_directory.h) while any of `processes` is left. Where nobody takes the
// request, but something shows that a job runs, EBUSY: the message says what shows it, and what to do.
Result<Json> Ask(const JobDirectory& job, const Json& request, Duration timeout, const Processes& processes);

// Runs `act`; where it takes longer, prints the message and ends the process with status 1: a call on a mount whose
// daemon is frozen comes back only with the daemon.
template <class Act>
auto WithDeadline(std::chrono::duration<double> seconds, const std::string& message, Act act) {
  const Watchdog watchdog(seconds, message);
  return act();
}

// Identifies a file that is replaced by rename; empty where there is none.
std::string FileStamp(const std::string& path);

}  // namespace copper

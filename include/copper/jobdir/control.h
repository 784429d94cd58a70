// The requests that come as files in control/ (copper/jobdir/job_directory.h): whoever acts as rank 0 looks once
// a second.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "copper/base/log.h"
#include "copper/jobdir/job_directory.h"

namespace copper {

class Control {
 public:
  using StatusDone = std::move_only_function<void(Json)>;
  using Done = std::move_only_function<void(Result<std::string>)>;  // with what to tell the user
  struct Hooks {
    std::function<void()> stop;
    std::function<void(StatusDone)> status;  // of the whole job; answers later, in the same thread
    // Of a path, and under a name; likewise.
    std::function<void(const std::string& path, Done)> refresh;
    std::function<void(const std::string& tag, Done)> snapshot;
  };

  Control(JobDirectory job, Hooks hooks, Logger& log) : job_(std::move(job)), hooks_(std::move(hooks)), log_(log) {}

  // Takes what is there. "ping" is answered at once, "status", "refresh" and "snapshot" when the ranks have answered,
  // "stop" by Finish.
  void Look();
  struct End {
    int status = 0;
    std::string reason;
    bool whole = true;        // no rank was lost
    std::string elsewhere{};  // where what the job directory did not take lies
  };
  // The last act of the job: tells everyone who asked for the end how it ended. `late_too`: and takes what has come
  // since.
  void Finish(const End& end, bool late_too = true);

 private:
  void OnRequest(const ControlRequest& request);
  // Begun, and answered when it is done, or has come to nothing because the job ends.
  Done AnswerLater(const std::string& id);
  void Reply(const std::string& id, const Json& answer);

  const JobDirectory job_;
  const Hooks hooks_;
  Logger& log_;
  std::vector<std::string> stops_;  // ids that wait for the end
  std::set<std::string> begun_;     // ids of what is not over
};

}  // namespace copper

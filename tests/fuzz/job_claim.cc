// Whose a job directory is, by what lies in it: ready.json and exit.json, which another job may have written, or half.
#include <unistd.h>

#include <filesystem>

#include "copper/base/files.h"
#include "copper/jobdir/job_lock.h"
#include "copper/jobdir/json.h"
#include "expect.h"

using namespace copper;

namespace {

constexpr const char* kJob = "0123abcd";

class Place {
 public:
  Place() : root_("/tmp/copper-fuzz-claim-" + std::to_string(getpid())), job(root_) {
    std::filesystem::create_directories(std::filesystem::path(job.ready_file()).parent_path());
  }
  ~Place() { std::filesystem::remove_all(root_); }

 private:
  const std::string root_;

 public:
  const JobDirectory job;
};

bool IsOfJob(const std::string& text) {
  const Result<Json> json = ParseJson(text);
  if (!json || !json->is_object() || !json->contains("job")) return false;
  return (*json)["job"].is_string() && (*json)["job"].get<std::string>() == kJob;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Place place;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const JobClaim claim(place.job, kJob, UniqueFd());
  for (const std::string& file : {place.job.ready_file(), place.job.exit_file()}) {
    EXPECT_ALWAYS(WriteWholeFile(file, text));
    EXPECT_ALWAYS(claim.IsOurs() == IsOfJob(text));
    EXPECT_ALWAYS(std::filesystem::remove(file));
  }
  return 0;
}

// What a job leaves in its directory, as the commands beside it read that: ready.json and exit.json.
#include <unistd.h>

#include <filesystem>

#include "copper/base/files.h"
#include "copper/jobdir/place.h"
#include "expect.h"

using namespace copper;

namespace {

struct OneJob {
  const std::string root = "/tmp/copper-fuzz-record-" + std::to_string(getpid());
  const JobDirectory job{root};
  OneJob() { std::filesystem::create_directories(job.logs()); }
  ~OneJob() { std::filesystem::remove_all(root); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const OneJob place;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const std::string& file : {place.job.ready_file(), place.job.exit_file()}) {
    EXPECT_ALWAYS(WriteWholeFile(file, text));
  }
  static_cast<void>(ReadExit(place.job));
  static_cast<void>(DescribeRemains(place.job));
  static_cast<void>(Processes(place.job).HaveEnded());
  return 0;
}

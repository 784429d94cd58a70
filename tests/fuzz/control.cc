// What a user asks of a job: a request as a file in control/, and the text of an ioctl on .copper/control. Every
// request is taken away, and one that can be understood is answered.
#include "copper/jobdir/control.h"

#include <unistd.h>

#include <filesystem>

#include "copper/base/files.h"
#include "copper/job/refresher.h"
#include "expect.h"

using namespace copper;

namespace {

class Place {
 public:
  Place() : root_("/tmp/copper-fuzz-control-" + std::to_string(getpid())), job(root_) {
    std::filesystem::create_directories(job.control());
  }
  ~Place() { std::filesystem::remove_all(root_); }

 private:
  const std::string root_;

 public:
  const JobDirectory job;
};

void TryPath(const std::string& given) {
  const auto path = job::PathInSource(given, "/soft", {"/tmp/mnt"});
  if (!path) {
    EXPECT_ALWAYS(path.error().code == EINVAL || path.error().code == ENAMETOOLONG);
    return;
  }
  EXPECT_ALWAYS(path->starts_with('/') && (*path == "/" || !path->ends_with('/')) && !path->contains("/../"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Place place;
  static Logger log(LogLevel::kNone, LogType::kStdout, "");
  const std::string text(reinterpret_cast<const char*>(data), size);
  TryPath(text);
  int stops = 0;
  Control control(place.job,
                  {.stop = [&] { ++stops; },
                   .status = [](auto done) { done(Json::object()); },
                   .refresh =
                       [](const std::string& path, auto done) {
                         TryPath(path);
                         done("refreshed " + path);
                       },
                   .snapshot = [](const std::string& tag, auto done) { done(Fail(EINVAL, "no: " + tag)); }},
                  log);
  EXPECT_ALWAYS(WriteWholeFile(place.job.control() + "/a.request", text));
  const std::string name = text.substr(0, 100);  // of an empty file, as on a full disk: the verb
  if (!name.contains('/') && !name.contains('\0')) {
    EXPECT_ALWAYS(WriteWholeFile(place.job.control() + "/b." + name + ".request", ""));
  }
  control.Look();
  control.Finish({0, "the end"});
  for (const auto& entry : std::filesystem::directory_iterator(place.job.control())) {
    EXPECT_ALWAYS(entry.path().extension() == ".answer");
    EXPECT_ALWAYS(ParseJson(ReadWholeFile(entry.path()).value_or("")));
    std::filesystem::remove(entry.path());
  }
  return 0;
}

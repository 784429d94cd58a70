// Which files of a mount are in use on this node: what must keep its name on kernels that can't tell (before Linux
// 6.18, FUSE_NOTIFY_PRUNE). Behind an interface, so that tests have files used at will.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "copper/base/result.h"

namespace copper {

class FilesInUse {
 public:
  struct Seen {
    std::unordered_set<uint64_t> numbers;   // st_ino of what processes run, map, work in or have open
    std::unordered_set<std::string> paths;  // of the mount's: mounted upon, or mounted elsewhere
  };

  virtual ~FilesInUse() = default;
  // Nothing: it is not known. A thread that may wait.
  virtual std::optional<Seen> Look() = 0;
};

// By /proc: of all processes that this one may look into, in the namespaces that it can see. Others (prctl(2),
// PR_SET_DUMPABLE; other users' where these may use the mount, and this is not root) use nothing, as far as it knows.
// Touches no file system but /proc and the mount, and asks the mount's own daemon nothing.
class ProcFilesInUse final : public FilesInUse {
 public:
  // Tests say where /proc is, and what comes between the reading of one file of it and the next.
  using ReadFile = std::function<Result<std::string>(const std::string& path)>;
  explicit ProcFilesInUse(std::string mount_point, std::string proc = "/proc", ReadFile read_maps = {});
  std::optional<Seen> Look() override;

 private:
  const std::string mount_point_;
  const std::string proc_;
  const ReadFile read_maps_;
};

}  // namespace copper

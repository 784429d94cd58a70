#include "fabric/descriptors.h"

#include <dirent.h>
#include <sys/stat.h>

#include <memory>

namespace copper::fabric {
namespace {

constexpr const char* kDescriptors = "/proc/self/fd";

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

size_t CountEntries() {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(kDescriptors));
  size_t count = 0;
  while (directory && readdir(directory.get()) != nullptr) ++count;
  return count < 3 ? 0 : count - 3;  // ".", ".." and the directory itself
}

}  // namespace

size_t CountDescriptors() {
  struct stat status{};
  // From Linux 6.2 on the size is the number.
  if (stat(kDescriptors, &status) == 0 && status.st_size > 0) return static_cast<size_t>(status.st_size);
  return CountEntries();
}

}  // namespace copper::fabric

// A directory of the test's own under /tmp, gone with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace copper::fuse {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(mkdtemp(name_)) {}
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  char name_[32] = "/tmp/copper-fuse-test.XXXXXX";
  std::string path_;
};

}  // namespace copper::fuse

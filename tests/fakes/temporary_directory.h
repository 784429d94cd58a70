// A directory of a test's own, removed at its end.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace copper::fakes {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/copper-unit-XXXXXX";
    if (mkdtemp(name) == nullptr) throw std::filesystem::filesystem_error("mkdtemp", {errno, std::generic_category()});
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string At(const std::string& name) const { return path_ + "/" + name; }
  size_t entries() const {
    const auto all = std::filesystem::directory_iterator(path_);
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }

 private:
  std::string path_;
};

}  // namespace copper::fakes

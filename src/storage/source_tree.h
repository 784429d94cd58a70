// Opens paths relative to the target. No symlink is followed where the kernel can be told so (openat2, Linux 5.6 on);
// elsewhere none at the end of a path.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>

#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::storage {

class SourceTree {
 public:
  // Fails if the target is no directory or can't be read and searched.
  static Result<std::unique_ptr<SourceTree>> Open(const std::string& target);
  SourceTree(UniqueFd target, bool has_openat2) : target_(std::move(target)), has_openat2_(has_openat2) {}

  // For lstat and readlink: touches neither the file's content nor an automount.
  Result<UniqueFd> OpenToLook(const std::string& path) const;
  Result<UniqueFd> OpenDirectory(const std::string& path) const;
  // A regular file; EISDIR and EINVAL for anything else, which is not opened: that could wake a writer or a device.
  // ESTALE if it is not wanted.
  Result<UniqueFd> OpenFile(const std::string& path, const std::function<bool(const struct stat&)>& is_wanted) const;

  int descriptor() const { return target_.get(); }

 private:
  Result<UniqueFd> OpenAgain(const std::string& path, const UniqueFd& look, int flags) const;
  Result<UniqueFd> OpenPath(const std::string& path, int flags) const;
  Result<UniqueFd> OpenAt(int directory, const std::string& relative, int flags) const;

  const UniqueFd target_;
  const bool has_openat2_;
};

}  // namespace copper::storage

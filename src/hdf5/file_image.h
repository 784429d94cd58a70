// A file that is made in memory, and put in its place whole. HDF5 writes into the memory: it could not go on after a
// full disk, and would say neither what failed nor why.
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::hdf5 {

class FileImage {
 public:
  static Result<FileImage> Make();

  // Under which it can be opened in this process, as long as this lives.
  std::string path() const { return PathOf(memory_.get()); }
  static std::string PathOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

  // Under a temporary name in the same folder, which is made; then by a rename. Whoever reads `file` finds what was
  // there before or all of it, even after a loss of power. Nothing else stays behind.
  Status PutInPlace(const std::string& file) const;

 private:
  explicit FileImage(UniqueFd memory) : memory_(std::move(memory)) {}
  Status CopyTo(int fd) const;
  UniqueFd memory_;
};

}  // namespace copper::hdf5

#include "copper/names/inode_numbers.h"

#include <algorithm>

#include "copper/base/hash.h"
#include "copper/names/attributes.h"

namespace copper {
namespace {

uint64_t Candidate(uint64_t file_system, uint64_t inode, uint64_t attempt) {
  // Of a hash the upper half would tell 32-bit programs that there is no room for it, and the source's own had some.
  const uint64_t lower = (file_system & kInodesOfPaths) != 0 ? inode & UINT32_MAX : inode;
  const uint64_t other = attempt == 0 ? 0 : Hash(attempt);
  const uint64_t upper = (file_system ^ other) & kOwnFileSystem;  // 31 bits: some keep numbers in a signed variable
  return std::max<uint64_t>(lower ^ upper << 32, 1);
}

uint32_t HashOfPath(std::string_view path) {
  return static_cast<uint32_t>(Hash(path)) | 1;
}

}  // namespace

uint64_t InodeNumberOf(uint64_t file_system, uint64_t inode) {
  return Candidate(file_system, inode, 0);
}

uint64_t InodeNumbers::Acquire(std::string_view path, const Attributes& attributes) {
  const FileVersion version = attributes.IsDirectory() ? FileVersion{.inode = attributes.inode} : attributes.version();
  const uint32_t path_hash = HashOfPath(path);
  for (uint64_t attempt = 0;; ++attempt) {
    const uint64_t number = Candidate(attributes.file_system, attributes.inode, attempt);
    const auto [it, added] = in_use_.try_emplace(number, Use{attributes.file_system, version, 1, path_hash});
    if (added) return number;
    Use& use = it->second;
    const bool same_file = use.file_system == attributes.file_system && use.version.inode == version.inode;
    if (!same_file || (use.version != version && use.path != path_hash)) continue;
    use.version = version;
    if (use.path != path_hash) use.path = kManyPaths;
    ++use.nodes;
    return number;
  }
}

void InodeNumbers::Release(uint64_t number) {
  const auto it = in_use_.find(number);
  if (it != in_use_.end() && --it->second.nodes == 0) in_use_.erase(it);
}

}  // namespace copper

#include "inode_numbers.h"

#include "copper/base/hash.h"

namespace copper::fuse {
namespace {

uint64_t Candidate(uint64_t device, uint64_t inode, uint64_t attempt) {
  // 63 bits: some programs keep the number in a signed variable.
  const uint64_t number = Hash(inode, Hash(device, attempt)) >> 1;
  return number == 0 ? 1 : number;
}

}  // namespace

uint64_t InodeNumberOf(uint64_t device, uint64_t inode) {
  return Candidate(device, inode, 0);
}

uint64_t InodeNumbers::Acquire(const Attributes& attributes) {
  const FileVersion version = attributes.IsDirectory() ? FileVersion{.inode = attributes.inode} : attributes.version();
  for (uint64_t attempt = 0;; ++attempt) {
    const uint64_t number = Candidate(attributes.device, attributes.inode, attempt);
    const auto [it, added] = in_use_.try_emplace(number, Use{attributes.device, version, 1});
    if (added) return number;
    if (it->second.device != attributes.device || it->second.version != version) continue;
    ++it->second.nodes;
    return number;
  }
}

void InodeNumbers::Release(uint64_t number) {
  const auto it = in_use_.find(number);
  if (it != in_use_.end() && --it->second.nodes == 0) in_use_.erase(it);
}

}  // namespace copper::fuse

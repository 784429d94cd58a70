// The inode numbers that the mount shows: unique in it, the same for all hard links of a file.
//
// A number is a hash of what the file is at its source (device and inode), so it needs no memory of names long
// forgotten, a listing knows it without asking for attributes, and it is the same on every node. While a number is in
// use for another file (or for another version of the same one: tools take an equal number for equal bytes) the next of
// its sequence is taken: what is known to the kernel at one time never collides.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "copper/base/file.h"

namespace copper::fuse {

// The number that a file has unless it collides; never 0.
uint64_t InodeNumberOf(uint64_t device, uint64_t inode);

// Not thread-safe; the caller (InodeTable) locks.
class InodeNumbers {
 public:
  // Counts one node of this file.
  uint64_t Acquire(const Attributes& attributes);
  void Release(uint64_t number);
  size_t size() const { return in_use_.size(); }

 private:
  struct Use {
    uint64_t device = 0;
    FileVersion version;  // of a directory the inode alone: it stays itself when its names change
    uint32_t nodes = 0;
  };
  std::unordered_map<uint64_t, Use> in_use_;
};

}  // namespace copper::fuse

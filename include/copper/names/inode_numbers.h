// The inode numbers that the mount shows: unique in it, the same for all hard links of a file, on all nodes and in the
// next job.
//
// A number is the source's own, with the file system's in its upper half: so a listing knows it without asking for
// attributes, the file system that keeps its own numbers (storage::Numbering) shows those, and the lower half, which
// git keeps, is the source's everywhere. Where two files would have the same number, the second one's upper half
// changes. The same goes for two versions of one file under two names, as long as the kernel knows both: tools take an
// equal number for equal bytes. Under one name, the newest version has the source's number, as a file that was
// rewritten has on a local disk.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "copper/names/attributes.h"

namespace copper {

// The number that a file has unless it collides; never 0.
uint64_t InodeNumberOf(uint64_t file_system, uint64_t inode);

// Not thread-safe; the caller (fuse::InodeTable) locks.
class InodeNumbers {
 public:
  // Counts one node of this file.
  uint64_t Acquire(std::string_view path, const Attributes& attributes);
  void Release(uint64_t number);
  size_t size() const { return in_use_.size(); }

 private:
  struct Use {
    uint64_t file_system = 0;
    FileVersion version;  // of a directory the inode alone: it stays itself when its names change
    uint32_t nodes = 0;
    uint32_t path = 0;  // a hash of it, kManyPaths if the nodes have several
  };
  static constexpr uint32_t kManyPaths = 0;

  std::unordered_map<uint64_t, Use> in_use_;
};

}  // namespace copper

// The numbers by which a mount tells the file systems under the target apart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "copper/storage/file_systems.h"

namespace copper::storage {

// Mounts of one file system (bind mounts of its parts, too) have one number. It is a hash of where the first of them
// lies, since nothing else of a mount is the same on all nodes and after the next boot. Shared ones are numbered first:
// what else a node has mounted changes nothing about them.
class FileSystemNumbers {
 public:
  struct Entry {
    Mount mount;
    bool shared = false;
    bool has_target = false;  // the target lies on it
  };
  explicit FileSystemNumbers(std::vector<Entry> entries);

  uint32_t Of(const Mount& mount) const;  // of one of the entries; as Numbering::file_system

 private:
  // Not the source alone: two BeeGFS have one name for it.
  using Key = std::tuple<std::string, std::string, uint64_t>;
  static Key KeyOf(const Mount& mount) { return {mount.type, mount.source, mount.device}; }
  bool IsTaken(uint32_t number) const;

  std::map<Key, uint32_t> numbers_;
};

}  // namespace copper::storage

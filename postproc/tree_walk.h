// All that is below some roots on this machine now: walked by several threads, kept small, read in the order of bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace copper::postproc {

// What one directory holds. A name of a directory stands there twice: for itself, and for what is below it, which in
// the order of bytes does not follow at once ("a", "a-b", "a/x").
struct WalkedDirectory {
  enum class Kind : uint8_t { kFile, kDirectory, kBelow };
  struct Entry {
    uint32_t name = 0;  // where it begins in `names`
    uint16_t length = 0;
    Kind kind = Kind::kFile;  // kFile: all that is no directory, links too
    bool visible = true;      // else it is only on the way to a root
    uint32_t directory = 0;   // of kBelow: in `directories`
  };
  std::string names;
  std::vector<Entry> entries;  // in the order of bytes of the paths
  std::vector<std::unique_ptr<WalkedDirectory>> directories;

  std::string_view NameOf(const Entry& entry) const { return std::string_view(names).substr(entry.name, entry.length); }
};

struct Unreadable {
  std::string path;
  std::string reason;
};

struct WalkedTree {
  WalkedDirectory top;  // "/"
  bool whole = false;   // a root is "/" itself
  uint64_t files = 0;
  uint64_t directories = 0;            // the roots too
  std::vector<Unreadable> unreadable;  // directories of which some is missing, in the order of bytes
};

// How far a walk has come.
struct WalkProgress {
  uint64_t entries = 0;
  uint64_t directories_read = 0;
  uint64_t directories_found = 0;
};

struct WalkOptions {
  size_t threads = 0;                                    // 0: as many as are good for a file system that is far away
  std::vector<std::string> closed;                       // directories that are not entered
  std::function<void(const WalkProgress&)> on_progress;  // some times a second, in the calling thread
};

// `roots`: absolute paths of directories without links; none below another (MinimalRoots). Links are not followed.
WalkedTree Walk(const std::vector<std::string>& roots, const WalkOptions& options);

// Goes through a tree in the order of bytes of the full paths. The tree stays.
class TreeCursor {
 public:
  explicit TreeCursor(const WalkedTree& tree);

  bool valid() const { return valid_; }
  std::string_view path() const { return path_; }
  bool is_directory() const { return is_directory_; }
  void Advance();

 private:
  struct Level {
    const WalkedDirectory* directory;
    size_t next;
    size_t prefix;  // how much of path_ is the directory and a slash
  };
  std::vector<Level> levels_;
  std::string path_;
  bool is_directory_ = false;
  bool valid_ = false;
  bool at_top_ = false;
};

}  // namespace copper::postproc

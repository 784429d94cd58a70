// What the kernel knows by a node id: one version of one path.
//
// A regular file that changed at the source is another node, found by the next lookup; the old one keeps giving its own
// version's attributes, and its bytes or ESTALE. A directory stays the same node and gets new attributes, as long as it
// is the same directory; the root always does.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/mutex.h"
#include "copper/fetch/file_reader.h"
#include "copper/names/attributes.h"

namespace copper::fuse {

enum class NodeKind : uint8_t {
  kSource,         // mirrored
  kLiveDirectory,  // .copper
  kLiveFile,       // a file in it: `content`
  kControl         // .copper/control
};

class Node {
 public:
  struct Identity {
    uint64_t id = 0;  // the kernel's name for it
    NodeKind kind = NodeKind::kSource;
    bool live = false;  // of a pseudo file system: nothing about it may be cached
    std::string path;
    uint32_t type = S_IFDIR;  // S_IFMT bits
    FileVersion version;      // none for directories
    FileTime ctime{};         // when it was made: the version says nothing of bytes that are rewritten unseen
    Bytes content;            // of a live file
    bool lasting = true;      // whether the kernel may use the name again without asking
    uint64_t above = 0;       // st_ino of the directory that it was found in, where no path leads there (`live`)
  };
  struct Known {
    std::shared_ptr<const Attributes> attributes;  // null: not asked yet
    TimePoint valid_until = kNever;
  };

  explicit Node(Identity identity) : identity_(std::move(identity)) {}

  uint64_t id() const { return identity_.id; }
  // st_ino. It changes only with a directory that has become another one (the root; what was mounted on; of which no
  // names were told). 0: the root, before its attributes are known.
  uint64_t number() const { return number_; }
  void SetNumber(uint64_t number) { number_ = number; }
  uint64_t above() const { return identity_.above; }
  bool IsNameLasting() const { return identity_.lasting; }
  NodeKind kind() const { return identity_.kind; }
  bool live() const { return identity_.live; }
  const std::string& path() const { return identity_.path; }
  uint32_t type() const { return identity_.type; }
  const FileVersion& version() const { return identity_.version; }
  const Bytes& content() const { return identity_.content; }
  bool IsDirectory() const { return S_ISDIR(identity_.type); }
  // Whether these are attributes of this node, and not of what came after it.
  bool Matches(const Attributes& attributes) const;
  // Whether it is still what `found` is, though something may have changed of which its version says nothing: what was
  // shown of it decides, its bytes or where it leads. Of a directory, the names are asked for anyway.
  enum class Sameness {
    kSame,     // nothing was shown, or all of it under the ctime that it has now
    kCompare,  // its ctime is another: by its bytes (`reader()->Compare`)
    kOther
  };
  Sameness Judge(const Attributes& found) const;

  Known known() const;
  void SetKnown(Known known);
  // Copies the attributes only where they are others than those known.
  void SetKnown(const Attributes& attributes, TimePoint valid_until);
  // The attributes are true no longer: asked again when needed.
  void Expire();

  // Null before the first read.
  std::shared_ptr<fetch::FileReader> reader() const;
  // Made at the first read.
  std::shared_ptr<fetch::FileReader> Reader(const std::function<std::shared_ptr<fetch::FileReader>()>& make);

  // Somebody has just read of it, or looked it up.
  void NoteUse() { used_ = true; }
  // Whether anybody has since this was asked last.
  bool TakeUse() { return used_.exchange(false); }

  // Names of it were told, so that none of another directory may be.
  void NoteNames() { had_names_ = true; }
  bool had_names() const { return had_names_; }

  // How often what it lists has changed. Who answers from a listing notes it before he gets the listing, and takes his
  // answer back if it is another number when the kernel has it.
  uint64_t changes() const { return changes_; }
  void NoteChange() { ++changes_; }

  // Memory that it holds, in bytes, without reader.
  size_t charge() const;

 private:
  const Identity identity_;
  std::atomic<uint64_t> number_{0};
  std::atomic<bool> used_{false};
  std::atomic<bool> had_names_{false};
  std::atomic<uint64_t> changes_{0};
  mutable Mutex mutex_;  // leaf
  Known known_ GUARDED_BY(mutex_);
  std::shared_ptr<fetch::FileReader> reader_ GUARDED_BY(mutex_);
};

using NodePtr = std::shared_ptr<Node>;

// The part of a version that tells nodes of one path apart.
FileVersion NodeVersion(const Attributes& attributes);

}  // namespace copper::fuse

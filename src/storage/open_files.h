// Descriptors of files that are being read chunk by chunk, so that a large file is opened once and not once a chunk.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "copper/base/file_time.h"
#include "copper/base/mutex.h"
#include "copper/base/unique_fd.h"
#include "copper/names/attributes.h"
#include "copper/storage/source_share.h"

namespace copper::storage {

// An open file, and the ctime that was seen last of it. Any thread.
class OpenFile {
 public:
  OpenFile(UniqueFd file, const FileTime& ctime) : file_(std::move(file)), ctime_(ctime) {}
  int get() const { return file_.get(); }
  FileTime ctime() const {
    const MutexLock lock(mutex_);
    return ctime_;
  }
  void SetCtime(const FileTime& ctime) {
    const MutexLock lock(mutex_);
    ctime_ = ctime;
  }

 private:
  const UniqueFd file_;
  mutable Mutex mutex_;
  FileTime ctime_ GUARDED_BY(mutex_);
};

// Keeps the most recently used; a descriptor closes when it has left and its last user has gone. Any thread.
class OpenFiles {
 public:
  using File = std::shared_ptr<OpenFile>;
  static constexpr size_t kCapacity = kMostKeptOpen;

  // When a file began to be opened, counted in drops.
  using Moment = uint64_t;
  Moment Begin() const;

  File Find(const std::string& path, const FileVersion& version);  // null if it is not kept
  // Not if something was dropped since: it may be the one that was to go.
  void Keep(const std::string& path, const FileVersion& version, File file, Moment begun);
  void Drop(const std::string& path, const FileVersion& version);

 private:
  struct Entry {
    std::string path;
    FileVersion version;
    File file;
    bool Is(const std::string& other, const FileVersion& of) const { return version == of && path == other; }
  };
  mutable Mutex mutex_;                          // no call to the source is made under it
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // most recently used first
  Moment drops_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::storage

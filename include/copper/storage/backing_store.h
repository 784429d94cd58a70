// The source, as fetch sees it: look at a path, list a directory, read a range of one version of a file.
//
// Calls block; they run on a worker pool, from any number of threads. Paths are relative to the target ("/usr/lib").
// Errors carry the source's errno; what passes by itself (EINTR, short reads) is dealt with inside.
#pragma once

#include <cstdint>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/result.h"
#include "copper/names/attributes.h"
#include "copper/names/listing.h"
#include "copper/names/listing_builder.h"

namespace copper::storage {

// A directory of more names gets no attributes: they would make up nine tenths of a listing that is large already, and
// most would never be asked for.
inline constexpr size_t kMostWithAttributes = 65'536;

// How much of a directory is wanted; beyond it the listing fails as a whole.
struct ListLimit {
  ListLimit(size_t most_names = 0, size_t most_bytes = ListingBuilder::kMaxBytes)  // implicit: a number of names
      : names(most_names), bytes(most_bytes) {}
  size_t names;  // more are EFBIG; 0: no limit
  size_t bytes;  // of the packed listing; more are ENOMEM
};

// What a read saw of its file: from before it began until it ended.
struct Seen {
  FileTime ctime;
};

class BackingStore {
 public:
  virtual ~BackingStore() = default;

  // lstat (and readlink, for a symlink), without triggering an automount.
  virtual Result<Attributes> Look(const std::string& path) = 0;

  // The names of a directory with their inode and type; with attributes as long as getting them is cheap for this
  // source (measured while listing), and there are not too many names.
  virtual Result<Listing> List(const std::string& path, ListLimit limit) = 0;

  // Bytes [offset, offset+length) of the file, cut at version.size. ESTALE if the file is, or became while reading,
  // another version: what is returned is of this version alone. (A single write(2) that takes longer than a tick of the
  // source's clock while it is read gives halves, here as anywhere: replace by rename.) The bytes are of the ctime that
  // `seen` is told; whether bytes under another ctime are of the same content is for the caller to find out.
  virtual Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                             Seen& seen) = 0;
  Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length) {
    Seen seen;
    return Read(path, version, offset, length, seen);
  }
  // The next Read opens the file anew: network file systems ask only then whether what they keep of it is still so.
  virtual void Reopen(const std::string& path, const FileVersion& version) = 0;

  // lseek(2) with SEEK_DATA or SEEK_HOLE. ESTALE as for Read; ENXIO past the end.
  virtual Result<uint64_t> Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) = 0;

  // Of the file system that the path lies on.
  virtual Result<StatFs> Statfs(const std::string& path) = 0;
};

}  // namespace copper::storage

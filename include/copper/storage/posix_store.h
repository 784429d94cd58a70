// The source on a mounted file system, by POSIX calls relative to a descriptor of the target: no symlink on the way is
// followed (the kernel above resolves them, through the mount), and paths longer than PATH_MAX are walked in pieces.
//
// What passes by itself is tried again, within bounds: EINTR and EAGAIN ten times, over half a second; short reads
// until the source gives nothing more; ESTALE, with which a server says that it has forgotten a handle, and an EIO of a
// read, which a client that lost its server answers to reads under way, once more from the path on. Any other error,
// and these when they stay, are the caller's (EINTR as EIO).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "copper/base/chunk_allocator.h"
#include "copper/base/clock.h"
#include "copper/base/unique_fd.h"
#include "copper/names/attributes.h"
#include "copper/storage/backing_store.h"
#include "copper/storage/file_systems.h"

namespace copper::storage {

class SourceTree;
class OpenFile;
class OpenFiles;
class LookCost;
class Permissions;
struct DirectoryOptions;
struct Filled;

// What has been asked of the source; for status and benchmarks. A seek counts as a look. Any thread.
struct SourceCounters {
  std::atomic<uint64_t> looks{0}, lists{0}, reads{0}, bytes_read{0};
};

// Locks: only those of the open descriptors and of the cost of looks, for a look into their lists; none is held during
// a system call on the source.
class PosixStore final : public BackingStore {
 public:
  // What a file of a pseudo file system that gives its size as 0 is said to have, so that readers ask for its bytes:
  // their true end is where a Read comes out short.
  static constexpr uint64_t kPseudoSize = uint64_t{1} << 20;

  // Who is to use what the store tells of; see permissions.h.
  struct Users {
    bool others = false;                                      // not only the one that this process runs as
    std::function<void(const std::string& file)> on_refused;  // the first file that is kept from others; any thread
  };

  // How long the calling thread has kept itself busy, which is no fault of the source (busy_time.h, unless a test
  // says).
  using BusyTime = std::function<Duration()>;
  // The clock that times of files are held against (this node's, unless a test says).
  using Now = std::function<FileTime()>;

  // `file_systems` outlives the store. Fails if the target is no directory or can't be read and searched.
  static Result<std::unique_ptr<PosixStore>> Open(const std::string& target, const FileSystems& file_systems,
                                                  const Clock& clock, Users users, BusyTime busy_time = {},
                                                  Now now = FileTime::Now);
  static Result<std::unique_ptr<PosixStore>> Open(const std::string& target, const FileSystems& file_systems,
                                                  const Clock& clock) {
    return Open(target, file_systems, clock, Users());
  }
  ~PosixStore() override;

  Result<Attributes> Look(const std::string& path) override;
  Result<Listing> List(const std::string& path, ListLimit limit) override;
  using BackingStore::Read;
  Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                     Seen& seen) override;
  void Reopen(const std::string& path, const FileVersion& version) override;
  Result<uint64_t> Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) override;
  Result<StatFs> Statfs(const std::string& path) override;

  const SourceCounters& counters() const { return counters_; }

 private:
  PosixStore(std::unique_ptr<SourceTree> tree, uint64_t device, const FileSystems& file_systems, const Clock& clock,
             Users users, BusyTime busy_time, Now now);

  Numbering NumberingOf(const std::string& path) const;

  Result<Attributes> LookOnce(const std::string& path) const;
  Result<Listing> ListOnce(const std::string& path, const DirectoryOptions& options) const;
  Result<Filled> ReadOnce(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                          Seen& seen);
  Result<Filled> ReadUnchanged(const std::string& path, const FileVersion& version, OpenFile& file, uint64_t offset,
                               size_t length, Seen& seen);
  Result<Bytes> ReadLive(const std::string& path, uint64_t offset, size_t length);
  // Open descriptors of files larger than a chunk are kept for their next chunks.
  Result<std::shared_ptr<OpenFile>> OpenVersion(const std::string& path, const FileVersion& version);
  // Its ctime now. ESTALE, and no descriptor kept, if the open file has become another version.
  Result<FileTime> CheckVersion(const std::string& path, const FileVersion& version, OpenFile& file);

  const std::unique_ptr<SourceTree> tree_;
  const std::unique_ptr<OpenFiles> open_files_;
  const std::unique_ptr<LookCost> look_cost_;
  const std::unique_ptr<Permissions> permissions_;
  const FileSystems& file_systems_;
  const uint64_t listed_device_;  // of the target, as the mount table has it, or 0
  const uint64_t device_;         // and as stat(2) does
  const Clock& clock_;
  const BusyTime busy_time_;
  const Now now_;
  ChunkAllocator chunks_;
  SourceCounters counters_;
};

}  // namespace copper::storage

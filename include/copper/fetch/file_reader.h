// A file as its readers on this node see it: reads, and the chunks that are fetched ahead of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/cache/read_pattern.h"
#include "copper/fetch/fetcher.h"

namespace copper::fetch {

// Takes the chunks of a mapped file, ahead of its page faults (into the kernel's page cache). Any thread; must not
// block.
class AheadSink {
 public:
  virtual ~AheadSink() = default;
  // `taken` is to be called once the bytes are where they should be; not if they were dropped.
  virtual void OnAhead(uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) = 0;
};

class FileReader : public std::enable_shared_from_this<FileReader> {
 public:
  // `sink` may be null; it is told of each chunk at most once.
  FileReader(Fetcher& fetcher, File file, std::shared_ptr<AheadSink> sink);

  const File& file() const { return file_; }
  // Whether what is read of it is noted, and can be compared: false where each node reads it for itself.
  bool notes() const { return cacheable_ && file_.shown; }
  // Whether all that was read of it is what the file is under this ctime; nullopt if nothing was read, or noted.
  std::optional<bool> IsOf(const FileTime& ctime) const;
  // Whether it is what the file is now, under whatever ctime: see Fetcher::Compare. Only where it `notes`.
  void Compare(TimePoint until, std::move_only_function<void(Status)> done) const;
  // As Fetcher::Read; and starts what should come ahead. Any thread.
  void Read(uint64_t offset, size_t size, std::move_only_function<void(Result<std::vector<Bytes>>)> done,
            profile::UsePtr use = {});

 private:
  void OnLibrary(size_t size) EXCLUDES(mutex_);
  void Plan(uint64_t offset, size_t size) EXCLUDES(mutex_);
  void FetchAhead() EXCLUDES(mutex_);
  bool IsWhole();
  void GiveAhead(uint64_t chunk, const Bytes& bytes);
  bool MayFetch() const REQUIRES(mutex_);
  void OnChunk(uint64_t chunk, const Result<Bytes>& bytes) EXCLUDES(mutex_);

  Fetcher& fetcher_;
  const File file_;
  const std::shared_ptr<AheadSink> sink_;
  const bool cacheable_;

  Mutex mutex_;  // never held across a call of the fetcher or the sink
  cache::ReadPattern pattern_ GUARDED_BY(mutex_);
  uint64_t next_ahead_ GUARDED_BY(mutex_) = 0;  // chunks below have been asked for
  uint64_t end_ahead_ GUARDED_BY(mutex_) = 0;
  uint64_t in_flight_ GUARDED_BY(mutex_) = 0;
  bool whole_ GUARDED_BY(mutex_) = false;     // all of the file is being fetched
  bool fetching_ GUARDED_BY(mutex_) = false;  // a thread is in FetchAhead
};

}  // namespace copper::fetch

// Tells the kernel what it did not ask for: bytes that arrived ahead of their reads, names that are absent no longer.
//
// One thread ("copper-notify"), which never answers requests: these calls wait for page and directory locks that
// unanswered requests hold. Stores are an optimisation and are dropped when too many wait; invalidations never are.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "copper/base/bytes.h"
#include "copper/fetch/file_reader.h"
#include "fuse_api.h"

namespace copper::fuse {

class Notifier {
 public:
  static constexpr size_t kMaxQueued = size_t{64} << 20;  // bytes waiting to be stored

  Notifier() = default;
  ~Notifier();

  // The session must live until Stop.
  void Start(fuse_session* session);
  // Drops what has not been told. Waits for the call under way, so requests must still be answered, or the connection
  // be gone. Idempotent.
  void Stop();

  // Any thread; none of these blocks.
  void Store(uint64_t id, uint64_t offset, Bytes bytes);
  // The kernel's attributes and pages of a file, or names of a directory, are no longer true.
  void InvalidateInode(uint64_t id);
  // Whatever the kernel knows of this name is no longer true.
  void InvalidateName(uint64_t directory, std::string name);

 private:
  struct Note {
    enum class Kind { kStore, kInode, kName } kind = Kind::kStore;
    uint64_t id = 0;
    uint64_t offset = 0;
    Bytes bytes;
    std::string name;
  };
  void Add(Note note);
  void Run();
  void Tell(const Note& note);

  fuse_session* session_ = nullptr;
  std::mutex mutex_;  // guards what follows; not held while the kernel is told
  std::condition_variable work_;
  std::deque<Note> notes_;
  size_t queued_ = 0;  // bytes
  bool stopping_ = false;
  std::thread thread_;
};

// Takes the chunks of one file that were fetched ahead of its page faults.
class PageCacheSink final : public fetch::AheadSink {
 public:
  PageCacheSink(std::shared_ptr<Notifier> notifier, uint64_t id) : notifier_(std::move(notifier)), id_(id) {}
  void OnAhead(uint64_t offset, Bytes bytes) override;

 private:
  const std::shared_ptr<Notifier> notifier_;
  const uint64_t id_;
};

}  // namespace copper::fuse

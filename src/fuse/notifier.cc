#include "notifier.h"

#include <linux/fuse.h>
#include <sys/uio.h>

#include "copper/base/worker_pool.h"

namespace copper::fuse {

Notifier::~Notifier() {
  Stop();
}

void Notifier::Start(fuse_session* session) {
  session_ = session;
  thread_ = std::thread([this] { Run(); });
}

void Notifier::Stop() {
  std::deque<Note> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    notes_.swap(dropped);
    queued_ = 0;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Notifier::Store(uint64_t id, uint64_t offset, Bytes bytes, std::move_only_function<void()> stored) {
  if (bytes.empty()) return;
  Add({.kind = Note::Kind::kStore, .id = id, .offset = offset, .bytes = std::move(bytes), .then = std::move(stored)});
}

void Notifier::InvalidateInode(uint64_t id) {
  Add({.kind = Note::Kind::kInode, .id = id});
}

void Notifier::InvalidateName(IfStill directory, std::string name) {
  Add({.kind = Note::Kind::kName, .name = std::move(name), .directory = std::move(directory)});
}

void Notifier::ExpireName(uint64_t directory, std::string name) {
  Add({.kind = Note::Kind::kExpire, .id = directory, .name = std::move(name)});
}

void Notifier::Prune(std::vector<uint64_t> ids) {
  Add({.kind = Note::Kind::kPrune, .ids = std::move(ids)});
}

void Notifier::Then(std::move_only_function<void()> told) {
  Add({.kind = Note::Kind::kThen, .then = std::move(told)});
}

void Notifier::Add(Note note) {
  // An invalidation has no bytes, so it always fits.
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queued_ + note.bytes.size() > most_queued_) return;
    queued_ += note.bytes.size();
    notes_.push_back(std::move(note));
  }
  work_.notify_one();
}

void Notifier::Run() {
  NameThread("copper-notify");
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !notes_.empty(); });
    if (stopping_) return;
    TellFirst(lock);
  }
}

void Notifier::TellFirst(std::unique_lock<std::mutex>& lock) {
  size_t told = 0;
  {
    Note note = std::move(notes_.front());
    notes_.pop_front();
    lock.unlock();
    Tell(note);
    told = note.bytes.size();
  }  // what the note holds is freed outside the lock
  lock.lock();
  queued_ -= std::min(queued_, told);
}

// Errors are not looked at: ENOENT, the kernel has forgotten the inode or the name; anything else means that the
// connection is gone.
void Notifier::Tell(Note& note) {
  switch (note.kind) {
    case Note::Kind::kStore: {
      fuse_bufvec bytes{};
      bytes.count = 1;
      bytes.buf[0].size = note.bytes.size();
      bytes.buf[0].mem = const_cast<std::byte*>(note.bytes.data());
      fuse_lowlevel_notify_store(session_, note.id, static_cast<off_t>(note.offset), &bytes, FUSE_BUF_NO_SPLICE);
      if (note.then) note.then();
      break;
    }
    case Note::Kind::kInode:
      fuse_lowlevel_notify_inval_inode(session_, note.id, 0, 0);
      break;
    case Note::Kind::kName:
      Invalidate(note);
      break;
    case Note::Kind::kExpire:
      Expire(note.id, note.name);
      break;
    case Note::Kind::kPrune:
      Prune(std::span(note.ids));
      break;
    case Note::Kind::kThen:
      note.then();
  }
}

void Notifier::Invalidate(Note& note) {
  const std::optional<uint64_t> directory = note.directory();
  if (directory) fuse_lowlevel_notify_inval_entry(session_, *directory, note.name.c_str(), note.name.size());
}

// By hand: the call for it in libfuse takes other arguments in 3.14 than later.
void Notifier::Expire(uint64_t directory, const std::string& name) {
  struct {
    fuse_out_header header;
    uint64_t parent;
    uint32_t name_size;
    uint32_t flags;
  } head{};
  constexpr uint32_t kExpireOnly = 1;  // FUSE_EXPIRE_ONLY of <linux/fuse.h> from 6.2 on
  head.header.len = static_cast<uint32_t>(sizeof head + name.size() + 1);
  head.header.error = FUSE_NOTIFY_INVAL_ENTRY;
  head.parent = directory;
  head.name_size = static_cast<uint32_t>(name.size());
  head.flags = kExpireOnly;
  const iovec parts[] = {{&head, sizeof head}, {const_cast<char*>(name.c_str()), name.size() + 1}};
  [[maybe_unused]] const ssize_t told = writev(fuse_session_fd(session_), parts, std::size(parts));
}

// No call of libfuse 3.14's. Some at a time, since the kernel drops the pages of each while it is at it.
void Notifier::Prune(std::span<const uint64_t> ids) {
  struct {
    fuse_out_header header;
    uint32_t count;
    uint32_t padding;
    uint64_t spare;
  } head{};
  constexpr int kPruneNotice = 9;  // FUSE_NOTIFY_PRUNE of <linux/fuse.h> from 6.18 on
  constexpr size_t kAtOnce = 64;
  for (; !ids.empty(); ids = ids.subspan(std::min(kAtOnce, ids.size()))) {
    const auto some = ids.first(std::min(kAtOnce, ids.size()));
    head.header.len = static_cast<uint32_t>(sizeof head + some.size_bytes());
    head.header.error = kPruneNotice;
    head.count = static_cast<uint32_t>(some.size());
    const iovec parts[] = {{&head, sizeof head}, {const_cast<uint64_t*>(some.data()), some.size_bytes()}};
    [[maybe_unused]] const ssize_t told = writev(fuse_session_fd(session_), parts, std::size(parts));
  }
}

void PageCacheSink::OnAhead(uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) {
  notifier_->Store(id_, offset, std::move(bytes), std::move(taken));
}

}  // namespace copper::fuse

#include "notifier.h"

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
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    notes_.clear();
    queued_ = 0;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Notifier::Store(uint64_t id, uint64_t offset, Bytes bytes) {
  if (!bytes.empty())
    Add({.kind = Note::Kind::kStore, .id = id, .offset = offset, .bytes = std::move(bytes), .name = {}});
}

void Notifier::InvalidateInode(uint64_t id) {
  Add({.kind = Note::Kind::kInode, .id = id, .offset = 0, .bytes = {}, .name = {}});
}

void Notifier::InvalidateName(uint64_t directory, std::string name) {
  Add({.kind = Note::Kind::kName, .id = directory, .offset = 0, .bytes = {}, .name = std::move(name)});
}

void Notifier::Add(Note note) {
  // An invalidation has no bytes, so it always fits.
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queued_ + note.bytes.size() > kMaxQueued) return;
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
    const Note note = std::move(notes_.front());
    notes_.pop_front();
    lock.unlock();
    Tell(note);
    lock.lock();
    queued_ -= std::min(queued_, note.bytes.size());
  }
}

// Errors are not looked at: ENOENT, the kernel has forgotten the inode or the name; anything else means that the
// connection is gone.
void Notifier::Tell(const Note& note) {
  switch (note.kind) {
    case Note::Kind::kStore: {
      fuse_bufvec bytes{};
      bytes.count = 1;
      bytes.buf[0].size = note.bytes.size();
      bytes.buf[0].mem = const_cast<std::byte*>(note.bytes.data());
      fuse_lowlevel_notify_store(session_, note.id, static_cast<off_t>(note.offset), &bytes, FUSE_BUF_NO_SPLICE);
      break;
    }
    case Note::Kind::kInode:
      fuse_lowlevel_notify_inval_inode(session_, note.id, 0, 0);
      break;
    case Note::Kind::kName:
      fuse_lowlevel_notify_inval_entry(session_, note.id, note.name.c_str(), note.name.size());
  }
}

void PageCacheSink::OnAhead(uint64_t offset, Bytes bytes) {
  notifier_->Store(id_, offset, std::move(bytes));
}

}  // namespace copper::fuse

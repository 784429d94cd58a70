#include "notifier.h"

#include <linux/fuse.h>
#include <sys/uio.h>

#include <exception>
#include <iterator>
#include <utility>

#include "copper/base/worker_pool.h"

namespace copper::fuse {
namespace {

// What a call may take before it counts as one that hangs: a lock is held by a request that waits for the source.
constexpr auto kPatience = std::chrono::milliseconds(100);
// After that it is no slow source that answers, but one that hangs: nobody waits for what is held up.
constexpr auto kHeldUpTooLong = std::chrono::seconds(2);
// One for each directory in which somebody waits for a source that hangs; beyond that everything is told late.
constexpr size_t kMostThreads = 64;

}  // namespace

Notifier::~Notifier() {
  Stop();
}

void Notifier::Start(fuse_session* session) {
  session_ = session;
  const MutexLock lock(mutex_);
  threads_.emplace_back([this] { Run(); });
}

void Notifier::Stop() {
  Notes dropped;
  std::unordered_map<uint64_t, HeldUp> dropped_too;
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    notes_.swap(dropped);
    held_.swap(dropped_too);
    threads_.swap(threads);
    queued_ = 0;
  }
  work_.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

Notifier::Purpose Notifier::WhenAllTold(std::move_only_function<void()> told) {
  struct Last final : Goal {
    Notifier& notifier;
    std::move_only_function<void()> told;
    Last(Notifier& one, std::move_only_function<void()> then) : notifier(one), told(std::move(then)) {}
    Last(const Last&) = delete;
    Last& operator=(const Last&) = delete;
    ~Last() override { notifier.Then(std::move(told)); }
  };
  return std::make_shared<Last>(*this, std::move(told));
}

Notifier::Purpose Notifier::WhenToldWhatCanBe(std::move_only_function<void(bool whole)> told) {
  struct Last final : Goal {
    Notifier& notifier;
    std::move_only_function<void(bool)> told;
    std::atomic<bool> whole{true};
    Last(Notifier& one, std::move_only_function<void(bool)> then) : notifier(one), told(std::move(then)) {}
    Last(const Last&) = delete;
    Last& operator=(const Last&) = delete;
    ~Last() override {
      notifier.Then([told = std::move(told), is_whole = whole.load()]() mutable { told(is_whole); });
    }
    bool WaitsForHeldUp() override {
      whole = false;
      return false;
    }
  };
  return std::make_shared<Last>(*this, std::move(told));
}

void Notifier::Store(uint64_t id, uint64_t offset, Bytes bytes, std::move_only_function<void()> stored) {
  if (bytes.empty()) return;
  Add({.kind = Note::Kind::kStore, .id = id, .offset = offset, .bytes = std::move(bytes), .then = std::move(stored)});
}

void Notifier::InvalidateInode(uint64_t id, Purpose purpose) {
  Add({.kind = Note::Kind::kInode, .id = id, .purpose = std::move(purpose)});
}

void Notifier::InvalidateName(IfStill directory, uint64_t likely, std::string name, Purpose purpose) {
  Add({.kind = Note::Kind::kName,
       .id = likely,
       .name = std::move(name),
       .directory = std::move(directory),
       .purpose = std::move(purpose)});
}

void Notifier::ExpireName(uint64_t directory, std::string name, Purpose purpose) {
  Add({.kind = Note::Kind::kExpire, .id = directory, .name = std::move(name), .purpose = std::move(purpose)});
}

void Notifier::Prune(std::vector<uint64_t> ids) {
  Add({.kind = Note::Kind::kPrune, .ids = std::move(ids)});
}

void Notifier::Then(std::move_only_function<void()> told) {
  Add({.kind = Note::Kind::kThen, .then = std::move(told)});
}

void Notifier::Add(Note note) {
  // An invalidation has no bytes, so it always fits.
  const MutexLock lock(mutex_);
  if (stopping_ || queued_ + note.bytes.size() > most_queued_) return;
  queued_ += note.bytes.size();
  notes_.push_back(std::move(note));
  CallSomebody();
}

// To tell, or to stand by.
void Notifier::CallSomebody() {
  if (!call_ || (call_->may_hang && !is_watched_)) work_.NotifyOne();
}

// Where the host allows none, there are fewer.
void Notifier::AddThread() try {
  if (threads_.size() < kMostThreads) threads_.emplace_back([this] { Run(); });
} catch (const std::system_error&) {  // the next call tries again
}

void Notifier::Run() {
  NameThread("copper-notify");
  const MutexLock lock(mutex_);
  while (!stopping_) {
    if (LetPurposesGo()) continue;
    if (notes_.empty() || (call_ && (is_watched_ || !call_->may_hang))) {
      WaitForWork();
    } else if (call_) {
      StandBy();
    } else {
      TellFirst();
    }
  }
}

// Or until something has been held up for too long.
void Notifier::WaitForWork() {
  auto until = std::chrono::steady_clock::time_point::max();
  for (const auto& [id, held] : held_) {
    if (!held.too_long) until = std::min(until, held.call->begun + kHeldUpTooLong);
  }
  if (until == until.max()) return work_.Wait(mutex_);
  bool has_slept = false;  // whatever it was woken for
  work_.WaitUntil(mutex_, until, [&has_slept] { return std::exchange(has_slept, true); });
}

bool Notifier::LetPurposesGo() {
  std::vector<Purpose> let_go;
  const auto since = std::chrono::steady_clock::now() - kHeldUpTooLong;
  for (auto& [id, held] : held_) {
    if (held.too_long || held.call->begun > since) continue;
    held.too_long = true;
    let_go.push_back(TakeFromHeldUp(held.call->purpose));
    for (Note& note : held.notes) let_go.push_back(TakeFromHeldUp(note.purpose));
  }
  if (let_go.empty()) return false;
  Free(std::move(let_go));
  return true;
}

Notifier::Purpose Notifier::TakeFromHeldUp(Purpose& purpose) {
  if (!purpose || purpose->WaitsForHeldUp()) return {};
  return std::exchange(purpose, {});
}

template <class Thing>
void Notifier::Free(Thing thing) {
  mutex_.unlock();
  {
    const Thing freed = std::move(thing);
  }
  mutex_.lock();
}

// Until the call that is under way has lasted too long, or there was another one since.
void Notifier::StandBy() {
  const auto begun = call_->begun;
  is_watched_ = true;
  const bool is_over = work_.WaitUntil(mutex_, begun + kPatience, [this, begun]() REQUIRES(mutex_) {
    return stopping_ || !call_ || call_->begun != begun;
  });
  is_watched_ = false;
  if (!is_over) Relieve();
}

// What comes for the same file or directory is held up from now on.
void Notifier::Relieve() {
  call_->hangs = true;
  held_.try_emplace(call_->id).first->second.call = call_;
  call_ = nullptr;
}

void Notifier::TellFirst() {
  Note note = std::move(notes_.front());
  notes_.pop_front();
  if (held_.contains(note.id)) return HoldUp(std::move(note));
  TellOne(std::move(note));
}

void Notifier::HoldUp(Note note) {
  if (!note.bytes.empty()) {
    queued_ -= std::min(queued_, note.bytes.size());
    return Free(std::move(note));
  }
  HeldUp& held = held_[note.id];
  Purpose let_go = held.too_long ? TakeFromHeldUp(note.purpose) : nullptr;
  held.notes.push_back(std::move(note));
  if (let_go) Free(std::move(let_go));
}

void Notifier::TellOne(Note note) {
  Call call{.begun = std::chrono::steady_clock::now(),
            .id = note.id,
            .may_hang = note.id != 0,
            .purpose = std::move(note.purpose)};
  call_ = &call;
  if (call.may_hang && held_.size() + 2 > threads_.size()) AddThread();
  if (!notes_.empty()) CallSomebody();
  mutex_.unlock();
  Tell(note);
  mutex_.lock();
  const size_t told = note.bytes.size();
  queued_ -= std::min(queued_, told);
  if (call.hangs) {
    LetGoOn(call.id);
  } else {
    call_ = nullptr;
  }
  Free(std::pair(std::move(note), std::move(call.purpose)));
}

// What was held up comes next, in its order.
void Notifier::LetGoOn(uint64_t id) {
  const auto held = held_.extract(id);
  if (held.empty()) return;  // the notifier stops
  Notes& notes = held.mapped().notes;
  notes_.insert(notes_.begin(), std::make_move_iterator(notes.begin()), std::make_move_iterator(notes.end()));
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

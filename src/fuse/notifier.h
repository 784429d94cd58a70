// Tells the kernel what it did not ask for: bytes that arrived ahead of their reads, names that are true no longer.
//
// By threads of its own ("copper-notify"), which never answer requests: these calls wait for page and directory locks
// that unanswered requests hold, which may be for as long as the source hangs. One of them tells at a time, in the
// order in which notes were added, and another one stands by: it goes on when a call has lasted for 100 ms, and what is
// about the same file or directory is held up behind that call, and nothing else. Stores are an optimisation, and are
// dropped when too many wait or they would be held up; invalidations never are.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/mutex.h"
#include "copper/fetch/file_reader.h"
#include "fuse_api.h"

namespace copper::fuse {

class Notifier {
 public:
  // Stores are dropped when more bytes than `most_queued` would wait.
  explicit Notifier(size_t most_queued) : most_queued_(most_queued) {}
  ~Notifier();

  // What can be told depends on the kernel's age. Before its greeting: nothing of this.
  struct Abilities {
    bool expires = false;  // FUSE_EXPIRE_ONLY: Linux 6.2, protocol 7.38, and some older ones that took it over
    bool prunes = false;   // FUSE_NOTIFY_PRUNE: Linux 6.18, protocol 7.45
  };
  void SetAbilities(Abilities abilities) { abilities_ = abilities; }
  Abilities abilities() const { return abilities_; }

  // The session must live until Stop.
  void Start(fuse_session* session);
  // Drops what has not been told. Waits for the calls under way, so requests must still be answered, or the connection
  // be gone. Idempotent.
  void Stop();

  // What a number of notes are for; it may be null. Whoever adds them has it, and so has each of them until it is told.
  struct Goal {
    virtual ~Goal() = default;
    // A note for this has been held up for too long. Whether it has it all the same.
    virtual bool WaitsForHeldUp() { return true; }
  };
  using Purpose = std::shared_ptr<Goal>;
  // `told` is called, as by Then, when nobody has this any more: not at all once the notifier stops. Then this must
  // still be there, as long as anybody has it.
  Purpose WhenAllTold(std::move_only_function<void()> told);
  // The same, but what has been held up for 2 s has it no longer: `whole` is whether nothing was.
  Purpose WhenToldWhatCanBe(std::move_only_function<void(bool whole)> told);

  // Any thread; none of these blocks. `stored` is called when the kernel has the bytes; not if they were dropped.
  void Store(uint64_t id, uint64_t offset, Bytes bytes, std::move_only_function<void()> stored = {});
  // The kernel's attributes and pages of a file, or names of a directory, are no longer true.
  void InvalidateInode(uint64_t id, Purpose purpose = {});
  // Whatever the kernel knows of this name is no longer true. A name that somebody uses is dropped, too: what is open
  // there goes on, but getcwd(2) fails for good, /proc says "(deleted)", and what is mounted there goes. So `directory`
  // says, when its turn has come, in the notifier's thread, whether it is to be told still, and of which directory: who
  // has looked the name up while this waited must not lose it. `likely` is the directory that it will say.
  using IfStill = std::move_only_function<std::optional<uint64_t>()>;
  void InvalidateName(IfStill directory, uint64_t likely, std::string name, Purpose purpose = {});
  // The same, but the name stays until it is looked up again, and for good if that gives the same node: who uses it is
  // left alone. Only a kernel that expires names; others would drop it.
  void ExpireName(uint64_t directory, std::string name, Purpose purpose = {});
  // The kernel should forget these nodes. It does so with all that nobody uses, and keeps the others, names and all.
  // Only a kernel that prunes; others refuse it.
  void Prune(std::vector<uint64_t> ids);
  // Called, by one thread at a time, when the kernel has been told what was added before, but for what is held up; not
  // at all once the notifier stops.
  void Then(std::move_only_function<void()> told);

 private:
  struct Note {
    enum class Kind { kStore, kInode, kName, kExpire, kPrune, kThen } kind = Kind::kStore;
    uint64_t id = 0;
    uint64_t offset = 0;
    Bytes bytes{};
    std::string name{};
    std::vector<uint64_t> ids{};
    IfStill directory{};
    std::move_only_function<void()> then{};
    Purpose purpose{};
  };
  using Notes = std::deque<Note>;
  // Of the kernel, about one file or directory.
  struct Call {
    std::chrono::steady_clock::time_point begun;
    uint64_t id = 0;
    bool may_hang = false;
    bool hangs = false;  // another thread goes on meanwhile
    Purpose purpose{};
  };
  // Behind a call that hangs.
  struct HeldUp {
    Call* call = nullptr;
    Notes notes{};
    bool too_long = false;
  };

  void Add(Note note) EXCLUDES(mutex_);
  void Run();
  void AddThread() REQUIRES(mutex_);
  void CallSomebody() REQUIRES(mutex_);
  void Relieve() REQUIRES(mutex_);
  void LetGoOn(uint64_t id) REQUIRES(mutex_);
  static Purpose TakeFromHeldUp(Purpose& purpose);
  // These let the lock go meanwhile.
  void WaitForWork() REQUIRES(mutex_);
  bool LetPurposesGo() REQUIRES(mutex_);  // whether there was one
  void StandBy() REQUIRES(mutex_);
  void TellFirst() REQUIRES(mutex_);
  void TellOne(Note note) REQUIRES(mutex_);
  void HoldUp(Note note) REQUIRES(mutex_);
  template <class Thing>
  void Free(Thing thing) REQUIRES(mutex_);  // what is freed may tell something

  void Tell(Note& note) EXCLUDES(mutex_);
  void Invalidate(Note& note);
  void Expire(uint64_t directory, const std::string& name);
  void Prune(std::span<const uint64_t> ids);

  const size_t most_queued_;
  std::atomic<Abilities> abilities_{};
  fuse_session* session_ = nullptr;
  Mutex mutex_;  // not held while the kernel is told
  Condition work_;
  Notes notes_ GUARDED_BY(mutex_);
  Call* call_ GUARDED_BY(mutex_) PT_GUARDED_BY(mutex_) = nullptr;  // of the thread that tells, if any does
  std::unordered_map<uint64_t, HeldUp> held_ GUARDED_BY(mutex_);   // by what the calls that hang are about
  size_t queued_ GUARDED_BY(mutex_) = 0;                           // bytes
  bool is_watched_ GUARDED_BY(mutex_) = false;                     // by a thread that stands by, and looks at the time
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
};

// Takes the chunks of one file that were fetched ahead of its page faults.
class PageCacheSink final : public fetch::AheadSink {
 public:
  PageCacheSink(std::shared_ptr<Notifier> notifier, uint64_t id) : notifier_(std::move(notifier)), id_(id) {}
  void OnAhead(uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) override;

 private:
  const std::shared_ptr<Notifier> notifier_;
  const uint64_t id_;
};

}  // namespace copper::fuse

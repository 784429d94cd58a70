#include "copper/profile/recorder.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "copper/base/mutex.h"
#include "path_table.h"
#include "profile/per_thread.h"
#include "space_saving.h"
#include "top_paths.h"

namespace copper::profile {
namespace {

// Paths that a thread keeps to itself before it gives them to the others': so that a rank does not hold each of them
// once per thread.
constexpr size_t kMostPerThread = 4096;

// The answer that makes the kernel do without an operation.
constexpr int kUnsupported = ENOSYS;

bool IsError(int error) {
  return error != 0 && error != ENOENT && error != kUnsupported;
}

TopKind KindOf(Operation operation) {
  return operation == Operation::kRead || operation == Operation::kLseek ? TopKind::kData : TopKind::kMetadata;
}

// The rest of a scope with a mutex that was free.
class SCOPED_CAPABILITY Taken {
 public:
  explicit Taken(Mutex& mutex) REQUIRES(mutex) : mutex_(mutex) {}
  ~Taken() RELEASE() { mutex_.unlock(); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace

// What one thread has recorded. Its mutex is contended only while a profile is being made.
struct Recorder::Shard {
  Shard(uint32_t top_n, size_t most_paths)
      : top{SpaceSaving(top_n), SpaceSaving(top_n), SpaceSaving(top_n)}, paths(most_paths) {}

  // One use of a path; `with_paths`: also among all paths.
  void Add(TopKind kind, std::string_view path, const PathUse& use, bool with_paths) REQUIRES(mutex) {
    top[static_cast<size_t>(kind)].Add(path, use);
    if (use.ttl_serves > 0) top[static_cast<size_t>(TopKind::kNegativeTtl)].Add(path, use);
    if (with_paths) paths.Add(path, use);
  }

  Mutex mutex;
  std::array<OperationUse, kOperations> operations GUARDED_BY(mutex);
  std::array<SpaceSaving, kTopKinds> top GUARDED_BY(mutex);
  PathTable paths GUARDED_BY(mutex);
};

struct Recorder::Shards {
  PerThread<Shard> of_threads;
};

// Of all threads. A thread that records takes this lock only if it is free.
struct Recorder::Paths {
  explicit Paths(size_t most) : table(most) {}

  void TakeIfFree(PathTable& more) {
    if (!mutex.try_lock()) return;
    const Taken lock(mutex);
    table.Take(more);
  }

  Mutex mutex;  // a shard's may be taken under it
  PathTable table GUARDED_BY(mutex);
};

Recorder::Recorder(Options options, const Clock& clock)
    : options_(options),
      clock_(clock),
      shards_(new Shards{
          PerThread<Shard>([options](auto& list) { list.emplace_back(options.top_n, options.most_paths); })}),
      paths_(new Paths(options.most_paths)) {}

Recorder::~Recorder() = default;

UsePtr Recorder::Begin(Operation operation) {
  return std::make_shared<Use>(*this, operation, clock_.Now());
}

void Use::Note(Way way) {
  Way before = way_.load(std::memory_order_relaxed);
  while (before < way && !way_.compare_exchange_weak(before, way, std::memory_order_relaxed)) {
  }
}

void Use::NotePath(std::string_view path, PathKind kind) {
  if (!recorder_.WantsPaths()) return;
  path_ = path;
  kind_ = kind;
}

void Use::End(int error, uint64_t bytes) {
  if (std::exchange(ended_, true)) return;
  recorder_.Record(*this, error, bytes, recorder_.clock_.Now());
}

void Recorder::Record(const Use& use, int error, uint64_t bytes, TimePoint now) {
  const Way way = use.way_.load(std::memory_order_relaxed);
  Shard& shard = shards_->of_threads.Mine();
  const MutexLock lock(shard.mutex);
  OperationUse& all = shard.operations[static_cast<size_t>(use.operation_)];
  ++all.calls;
  if (way == Way::kHit) ++all.hits;
  if (way == Way::kMiss) ++all.misses;
  if (way == Way::kCoalesced) ++all.coalesced;
  if (error == ENOENT) ++all.negative;
  if (IsError(error)) ++all.errors;
  if (error != EINTR) {
    const Duration taken = std::max(now - use.begun_, Duration::zero());
    all.latency.Add(static_cast<uint64_t>(std::chrono::nanoseconds(taken).count()));
  }
  if (use.path_.empty()) return;
  shard.Add(KindOf(use.operation_), use.path_, PathUseOf(use, error, bytes), options_.paths_full);
  // A thread that never gets at the others' holds no more than they may; it tries again at one of the next paths.
  if (shard.paths.size() >= kMostPerThread) paths_->TakeIfFree(shard.paths);
}

PathUse Recorder::PathUseOf(const Use& use, int error, uint64_t bytes) {
  const Way way = use.way_.load(std::memory_order_relaxed);
  PathUse one;
  one.kind = error == ENOENT ? PathKind::kAbsent : use.kind_;
  one.events = 1;
  one.hits = way == Way::kHit ? 1 : 0;
  one.misses = way == Way::kMiss ? 1 : 0;
  one.negative = error == ENOENT ? 1 : 0;
  one.ttl_serves = use.ttl_serve_.load(std::memory_order_relaxed) ? 1 : 0;
  one.bytes = bytes;
  return one;
}

void Recorder::Fill(Profile& profile) {
  profile.metrics = true;
  profile.top_n = options_.top_n;
  profile.paths_full = options_.paths_full;
  const MutexLock all(paths_->mutex);
  PathTable* const table = &paths_->table;  // by the lock above, of which the analysis knows nothing in a lambda
  shards_->of_threads.ForEach([&](Shard& shard) {
    const MutexLock lock(shard.mutex);
    for (size_t i = 0; i < kOperations; ++i) profile.operations[i].Merge(shard.operations[i]);
    for (size_t i = 0; i < kTopKinds; ++i) MergeTop(profile.top[i], shard.top[i].Rows(), options_.top_n);
    table->Take(shard.paths);
  });
  if (options_.paths_full) profile.paths = paths_->table.InOrder();
}

uint64_t Recorder::left_out() const {
  const MutexLock all(paths_->mutex);
  return paths_->table.left_out();
}

}  // namespace copper::profile

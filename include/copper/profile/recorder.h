// Records requests: of the kernel, and of children. Each is a Use, noted on its way and recorded once, when it is
// answered.
//
// Without profiling there is no Recorder, and UsePtrs are null. With it no lock is shared between threads: each thread
// records into a part of its own, and Fill adds the parts up.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "copper/base/clock.h"
#include "copper/profile/counters.h"
#include "copper/profile/profile.h"

namespace copper::profile {

// How a request was served. Of several, as the chunks of one read, the last in this order counts.
enum class Way : uint8_t {
  kNone,       // nothing was needed that could be cached
  kHit,        // everything was in this rank's tables
  kCoalesced,  // it waited for what somebody else had asked for already
  kMiss        // something was asked of the parent or the source for it
};

class Recorder;

// One request. Any thread may note its way, before whoever answers it can know the answer; who has the request in hand
// notes the rest, and ends it.
class Use {
 public:
  Use(Recorder& recorder, Operation operation, TimePoint begun)
      : recorder_(recorder), begun_(begun), operation_(operation) {}
  // A request that was never answered is recorded as one cut off.
  ~Use() { End(EINTR); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  void Note(Way way);
  // The answer is an absence that a table held.
  void NoteTtlServe() { ttl_serve_.store(true, std::memory_order_relaxed); }

  // What it is about, relative to the source; kept only if paths are recorded.
  void NotePath(std::string_view path, PathKind kind);
  void NoteKind(PathKind kind) { kind_ = kind; }
  // Is answered in a moment: `error` is the errno of the answer, 0 for none; ENOENT says absent. EINTR: it was cut off,
  // its latency says nothing. `bytes` are those that a reader is given. Records; a second call does nothing.
  void End(int error, uint64_t bytes = 0);

 private:
  friend class Recorder;
  Recorder& recorder_;
  const TimePoint begun_;
  const Operation operation_;
  std::atomic<Way> way_{Way::kNone};
  std::atomic<bool> ttl_serve_{false};
  bool ended_ = false;
  PathKind kind_ = PathKind::kUnknown;
  std::string path_;  // empty: none
};
using UsePtr = std::shared_ptr<Use>;

class Recorder {
 public:
  // Operations are recorded in any case.
  struct Options {
    uint32_t top_n = 0;
    bool paths_full = false;
    size_t most_paths = SIZE_MAX;  // of paths_full; others are left out
  };
  Recorder(Options options, const Clock& clock);
  ~Recorder();  // after every Use

  const Options& options() const { return options_; }

  // Any thread.
  UsePtr Begin(Operation operation);

  // What has been recorded since the start: settings, operations, top and paths. Any thread, while others record; takes
  // as long as sorting the paths.
  void Fill(Profile& profile);
  // How often a path was used that found no room any more.
  uint64_t left_out() const;

 private:
  friend class Use;
  struct Shard;
  struct Shards;
  struct Paths;
  bool WantsPaths() const { return options_.top_n > 0 || options_.paths_full; }
  void Record(const Use& use, int error, uint64_t bytes, TimePoint now);
  static PathUse PathUseOf(const Use& use, int error, uint64_t bytes);

  const Options options_;
  const Clock& clock_;
  const std::unique_ptr<Shards> shards_;
  const std::unique_ptr<Paths> paths_;
};

// Null where there is no recorder.
inline UsePtr Begin(Recorder* recorder, Operation operation) {
  return recorder == nullptr ? nullptr : recorder->Begin(operation);
}

}  // namespace copper::profile

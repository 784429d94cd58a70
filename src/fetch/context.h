// What the parts of fetch share: the pieces they work with.
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <utility>

#include "copper/cache/epochs.h"
#include "copper/fetch/fetcher.h"
#include "copper/rpc/watch.h"
#include "fetch/single_flight.h"

namespace copper::fetch {

// On whose behalf something is fetched: until when, how many hops below this node it began, and the request's record;
// null where nothing is recorded, or nobody waits.
struct Ask {
  TimePoint deadline;
  uint16_t hops = 0;
  profile::UsePtr use{};
  bool as_root = false;  // this node is to read the source for it, and to ask nobody
  bool counted = true;   // false: nobody's request
};

using cache::AskedOf;
using rpc::Doing;

struct Context {
  Fetcher::Options options;
  Fetcher::Parts parts;
  cache::Epochs& epochs;
  rpc::Watch& watch;  // over other ranks, and what waits for them and for the source

  TimePoint Now() const { return parts.clock.Now(); }

  // Something waits for the source, until this goes.
  [[nodiscard]] rpc::WaitList::Token Waiting(Doing doing, const std::string& path) const {
    return watch.source().Begin(doing, path);
  }

  // How long what is begun now is waited for.
  TimePoint SourceDeadline() const { return Now() + options.source_timeout; }

  // For a request of this node's own kernel.
  Ask Own(profile::UsePtr use = {}) const { return {SourceDeadline(), 0, std::move(use)}; }

  // For what becomes of such a request, and nobody waits for.
  Ask Nobodys(const Ask& ask) const {
    return {.deadline = SourceDeadline(), .hops = ask.hops, .as_root = ask.as_root, .counted = false};
  }

  // Who asks is answered this: counted once for each.
  template <class T>
  void Count(const Ask& ask, const Result<T>& answer, Way way) const {
    using profile::Event;
    if (!ask.counted) return;
    parts.counters.Count(way == Way::kHit ? Event::kHits : way == Way::kCoalesced ? Event::kCoalesced : Event::kMisses);
    if (ask.use) ask.use->Note(way);
    if (!answer) parts.counters.Count(answer.error().code == ENOENT ? Event::kNegative : Event::kErrors);
  }
  // `done` after Count.
  template <class T>
  Done<T> Counting(const Ask& ask, std::move_only_function<void(Result<T>)> done) const {
    return [this, ask, done = std::move(done)](Result<T> answer, Way way) mutable {
      Count(ask, answer, way);
      done(std::move(answer));
    };
  }

  // Where this node may read what it never asks a parent for.
  Executor& PoolOf(const std::string& path) const {
    return parts.file_systems.Of(path) == storage::Sharing::kShared ? parts.detour : parts.local;
  }

  // Whom this node asks for what is in this tree, unless its parent is lost.
  AskedOf Asked(TreeId tree) const {
    return parts.forest.Root(tree) == options.self ? AskedOf::kSource : AskedOf::kParent;
  }

  Seal SealOf(rpc::Kind kind, const std::string& path, const FileVersion& version, uint64_t number,
              const Bytes& bytes) const {
    return parts.keys.SealOf({kind, path, version, number}, bytes);
  }
  // Whether bytes that a rank has passed on are what was read from the source.
  bool IsWhole(rpc::Kind kind, const std::string& path, const FileVersion& version, uint64_t number, const Bytes& bytes,
               const Seal& seal) const {
    return parts.keys.IsSealed({kind, path, version, number}, bytes, seal);
  }

  // Said where the source was asked, and nowhere else: at level 4, since it reaches the caller anyway.
  void LogSourceError(std::string_view doing, const std::string& path, const Error& error) const {
    parts.log.Info("the source failed to {} {}: {}", doing, path, error.Describe());
  }

  // How long an absence that is seen now may be believed.
  TimePoint AbsentUntil() const { return options.absent_ttl == Duration::max() ? kNever : Now() + options.absent_ttl; }
};

}  // namespace copper::fetch

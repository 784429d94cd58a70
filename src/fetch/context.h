// What the parts of fetch share: the pieces they work with, and the way up a tree.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "copper/fetch/fetcher.h"
#include "refreshes.h"

namespace copper::fetch {

// On whose behalf something is fetched: until when, and how many hops below this node it began.
struct Ask {
  TimePoint deadline;
  uint16_t hops = 0;
};

struct Context {
  Fetcher::Options options;
  Fetcher::Parts parts;
  Refreshes& refreshes;

  TimePoint Now() const { return parts.clock.Now(); }

  // For a request of this node's own kernel.
  Ask Own() const { return {Now() + options.deadline, 0}; }

  bool IsRoot(TreeId tree) const { return parts.forest.Root(tree) == options.self; }

  AskedOf Asked(TreeId tree) const { return IsRoot(tree) ? AskedOf::kSource : AskedOf::kParent; }

  // Asks this node's parent; not at the root.
  void AskParent(TreeId tree, rpc::Request request, Ask ask, rpc::Channel::Done done) const {
    parts.counters.Count(profile::Event::kRequestsToParent);
    request.tree = tree;
    request.hops = static_cast<uint16_t>(ask.hops + 1);
    parts.channel.Call(*parts.forest.Parent(options.self, tree), std::move(request), ask.deadline, std::move(done));
  }

  // Said where the source was asked, and nowhere else: at level 4, since it reaches the caller anyway.
  void LogSourceError(std::string_view doing, const std::string& path, const Error& error) const {
    parts.log.Info("the source failed to {} {}: {}", doing, path, error.Describe());
  }

  // How long an absence that is seen now may be believed.
  TimePoint AbsentUntil() const { return options.absent_ttl == Duration::max() ? kNever : Now() + options.absent_ttl; }
};

// How long something is valid, as it travels: milliseconds from now, rounded down.
inline constexpr uint32_t kForTheJob = UINT32_MAX;

inline uint32_t ToWire(TimePoint until, TimePoint now) {
  if (until == kNever) return kForTheJob;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(left, 0, kForTheJob - 1));
}

inline TimePoint FromWire(uint32_t milliseconds, TimePoint now) {
  return milliseconds == kForTheJob ? kNever : now + std::chrono::milliseconds(milliseconds);
}

inline rpc::Reply ErrorReply(const Error& error) {
  rpc::Reply reply;
  reply.error = error.code;
  return reply;
}

// The peer's errno, or what happened on the way, as one error.
inline Result<rpc::Reply> Outcome(Result<rpc::Reply> reply) {
  if (reply && reply->error != 0) return Fail(reply->error);
  return reply;
}

}  // namespace copper::fetch

// The way from this node to what it lacks, key by key: its parent in the key's tree, at the root the source; and what
// happens when that way fails.
//
// Nobody waits for a parent that does not answer: a request that fails on its way (no answer in time, no connection, no
// credit), or whose parent is known to be lost, takes a detour: this node reads the source itself, on a pool of its
// own, whose threads are its share of --source-ops. When a parent is lost everything that waits for it takes the detour
// at once. A parent's errno is an answer. Any thread.
#pragma once

#include <map>

#include "context.h"
#include "parent.h"

namespace copper::fetch {

class Upstream {
 public:
  using OnReply = std::move_only_function<void(rpc::Reply)>;

  explicit Upstream(const Context& context);
  void SetLossListener(Fetcher::LossListener listener) { listener_ = std::move(listener); }

  // Calls one of the two, once: `reply` with what the parent answered, its errno included (ESHUTDOWN: this node is
  // ending), by a thread that must not be held up; or `read`, on a pool, where the source may be read.
  void Fetch(TreeId tree, rpc::Request request, Ask ask, OnReply reply, Task read);

  // Whether ticks are still needed.
  bool OnTick(TimePoint now);

 private:
  void OnOutcome(Rank rank, Result<rpc::Reply> outcome, OnReply reply, Task read);
  void Detour(Task read);
  void Probe(Rank rank, Parent& parent);
  void OnProbe(Rank rank, Parent& parent, const Result<rpc::Reply>& answer);
  void Tell(Rank rank, bool lost) const;

  const Context& context_;
  Fetcher::LossListener listener_;
  std::map<Rank, Parent> parents_;  // in all trees; constant after construction
};

}  // namespace copper::fetch

// The way from this node to what it lacks, key by key: its parent in the key's tree, at the root the source; and what
// happens when that way fails.
//
// Nobody waits for the dead: a request that fails on its way (no connection, no room), whose parent is known to be
// lost, or does not know it twice, goes to the next that this node may ask (tree::Forest::StepUp), and at last this
// node reads the source itself, a detour, on a pool of its own, whose threads are its share of --source-ops. When a
// parent is lost everything that waits for it goes on at once. Who lives is waited for. A parent's errno is an answer.
// Any thread.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "context.h"
#include "copper/base/mutex.h"

namespace copper::fetch {

class Upstream {
 public:
  // What becomes of a fetch: one of the first two is called, once.
  struct Outcome {
    // With what the parent answered, its errno included (ESHUTDOWN: this node is ending; ETIMEDOUT: the source's time
    // is over), by a thread that must not be held up.
    std::move_only_function<void(rpc::Reply)> reply;
    Task read;  // on a pool, where the source may be read
    // Whether anybody still waits for it: asked when the source's time is over.
    std::move_only_function<bool()> is_wanted;
  };

  explicit Upstream(const Context& context);
  void SetLossListener(Fetcher::LossListener listener) { listener_ = std::move(listener); }

  void Fetch(TreeId tree, rpc::Request request, const Ask& ask, Outcome outcome);

  // The longest of those waits that are worth telling of.
  std::vector<Fetcher::LongWait> LongWaits(size_t most) const;

  // What this rank has sent is not what was read from the source: it is counted, the rank is named in the log (once),
  // and `read` is called as above.
  void ReadInstead(Rank from, const std::string& path, Task read);

  // Whether ticks are still needed.
  bool OnTick();

 private:
  // One fetch, until its outcome.
  struct Errand {
    TreeId tree;
    rpc::Request request;
    Outcome outcome;
    uint32_t step = 0;     // of those whom it may ask
    uint32_t repeats = 0;  // to the same one
    TimePoint deadline{};  // of the request that is under way
  };
  using ErrandPtr = std::shared_ptr<Errand>;

  // On with it, to whom it may ask now.
  void Send(const ErrandPtr& errand);
  void Call(Rank rank, const ErrandPtr& errand);
  void OnOutcome(Rank rank, const ErrandPtr& errand, Result<rpc::Reply> outcome);
  void OnFailure(Rank rank, const ErrandPtr& errand, int error);
  void SendElsewhere(const ErrandPtr& errand);
  bool IsOver(const Errand& errand, int error) const;
  void Read(const ErrandPtr& errand);
  std::string Describe(std::optional<Rank> rank) const;  // nullopt: the source
  void Tell(Rank rank, bool lost) const;
  void TellNews() const;

  const Context& context_;
  Fetcher::LossListener listener_;
  Mutex mutex_;
  std::set<Rank> named_ GUARDED_BY(mutex_);  // sent what was changed on its way
};

}  // namespace copper::fetch

// The reduction over rpc: while the job is serving (snapshots), and at its end after a loss.
//
// Any rank may lead one; it goes along the tree of which the leader is the root, around lost ranks. Each rank asks
// those below it for their profiles, piece by piece (kReduce, src/wire/README.md), and merges what comes; a rank that
// is asked for the first time begins to ask those below it. Who does not answer is left out, and those below it are
// asked instead; it may be there after all, and go on: whoever asks is given the profile, beside others who ask for it.
#pragma once

#include <compare>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/mutex.h"
#include "copper/base/wakeup.h"
#include "copper/base/worker_pool.h"
#include "copper/job/losses.h"
#include "copper/profile/profile_stream.h"
#include "copper/profile/reducer.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

// One reduction, on all ranks: `number` counts those of the rank that leads it.
struct ReductionId {
  std::string tag;
  Rank leader = 0;
  uint32_t number = 0;
  auto operator<=>(const ReductionId&) const = default;
};

class RpcReducer final : public profile::Reducer {
 public:
  struct Parts {  // all outlive it
    rpc::Channel& channel;
    const tree::Forest& forest;  // of the job
    const Losses& losses;
    Executor& workers;  // may block: where a rank that is asked merges
    Wakeups& wakeups;   // how they, Reduce and Follow wait
    const Clock& clock;
    Logger& log;
  };
  // What this rank has counted, for a profile of this tag. Called by workers.
  using Own = std::function<profile::Profile(const std::string& tag)>;

  RpcReducer(Rank self, Parts parts, Own own);
  ~RpcReducer() override;  // after the channel was stopped, and the workers

  // kReduce of other ranks. The progress thread; does not block.
  void Handle(Rank from, const rpc::Request& request, rpc::Responder respond);

  // Leads a reduction under the profile's tag. Never fails: ranks of which nothing came in time are missing in it.
  // Blocks: not for the progress thread or the loop.
  Status Reduce(std::optional<profile::Profile>& profile, TimePoint deadline) override;
  // For a rank that does not lead: waits until its profile of this tag has been asked for and taken. See
  // profile::Reducer; ETIMEDOUT. One thread.
  Status Follow(std::optional<profile::Profile>& profile, TimePoint deadline);

  // Sessions that a rank holds: one that was collected and never taken (whoever asked is lost, or its last word is)
  // goes when there would be more; while all of them are being collected, another is refused with EBUSY.
  static constexpr size_t kMostSessions = 8;
  size_t sessions();

 private:
  struct Session;
  class Pull;

  void Collect(const ReductionId& id, const std::shared_ptr<Session>& session) EXCLUDES(mutex_);
  void Gather(profile::Profile& into, const ReductionId& id, TimePoint deadline) EXCLUDES(mutex_);
  // The uppermost ranks below `rank` that are not known to be lost.
  std::vector<Rank> Below(Rank rank, Rank leader) const;
  void Taken(Rank by, const ReductionId& id) EXCLUDES(mutex_);
  // Null: too many are under way.
  std::shared_ptr<Session> Begin(const ReductionId& id) REQUIRES(mutex_);
  Duration Budget(Rank leader) const;

  const Rank self_;
  const Parts parts_;
  const Own own_;
  const tree::Forest everyone_;  // tree n has rank n as its root

  // Whether it is so by then, looked at whenever a session has begun or was taken.
  template <class IsSo>
  bool WaitUntil(TimePoint until, IsSo is_so) EXCLUDES(mutex_);

  const std::shared_ptr<Wakeup> changed_;  // what Follow waits for
  Mutex mutex_;                            // guards all sessions, too; never held across a call
  std::map<ReductionId, std::shared_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  std::deque<std::string> taken_tags_ GUARDED_BY(mutex_);  // the last few
  uint64_t begun_ GUARDED_BY(mutex_) = 0;
  uint32_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::job

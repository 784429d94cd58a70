// What the daemons of a job say to each other beside the requests for files and the end (copper/job/ending.h): are you
// there, my mount is gone, tell me your status. It travels along tree 0, around lost ranks: whoever does not answer is
// noted in Losses, and its children are asked in its place.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/worker_pool.h"
#include "copper/job/job_parts.h"
#include "copper/job/losses.h"
#include "copper/jobdir/json.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

class RollCall {
 public:
  struct Hooks {
    // Every mount of the job is gone, as far as this rank knows.
    std::function<void(Rank last)> all_unmounted;
    // Of this rank, as job/status_report.h has it.
    std::function<Json()> status;
  };

  RollCall(Rank self, JobParts parts, Hooks hooks);

  // kUnmounted and kStatus of other ranks. The progress thread; does not block.
  void Handle(Rank from, const rpc::Request& request, rpc::Responder respond);

  // What follows is called in the loop.

  // This rank's mount is gone; it goes on serving its children. When all are gone, the job ends.
  void TellUnmounted();
  // Whether all are gone now that more is known of the lost.
  void CheckUnmounted();
  // The status of the whole job, merged; `done` is called once, within a few seconds and one for each level of tree 0.
  void CollectStatus(std::move_only_function<void(Json)> done);
  // Asks whether a rank is there, and notes the answer; `done` is called in the loop.
  void Ping(Rank rank, std::move_only_function<void(bool there)> done);

 private:
  struct Collection;

  Duration StatusBudget() const { return BudgetOf(parts_.forest.Root(0)); }
  Duration BudgetOf(Rank rank) const;
  void OnUnmounted(Rank rank);
  // The status of `top` and of all below it.
  void Begin(Rank top, Duration budget, std::move_only_function<void(Json)> done);
  void Collect(const std::shared_ptr<Collection>& collection, Rank rank);
  void CollectBelow(const std::shared_ptr<Collection>& collection, Rank rank);
  void AskStatus(const std::shared_ptr<Collection>& collection, Rank rank);
  void OnStatusReply(const std::shared_ptr<Collection>& collection, Rank rank, const Result<rpc::Reply>& reply);

  const Rank self_;
  JobParts parts_;
  const Hooks hooks_;
  std::set<Rank> unmounted_;  // the job's first ranks, in the loop
};

}  // namespace copper::job

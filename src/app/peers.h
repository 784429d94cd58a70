// What the daemons of a job say to each other beside the requests for files: end, my mount is gone, tell me your
// status. It all travels along tree 0, whose root is rank 0.
//
// To end: whoever is asked to tells rank 0 (kStop, "please"), and begins its own end without waiting; rank 0 gives the
// order (kStop, "now") down the tree. Each rank passes the order on at once, in the progress thread, so that it spreads
// also through ranks that are ending already.
#pragma once

#include <atomic>
#include <functional>
#include <set>

#include "app/stop_reason.h"
#include "copper/base/clock.h"
#include "copper/base/json.h"
#include "copper/base/log.h"
#include "copper/base/worker_pool.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::app {

class Peers {
 public:
  struct Parts {  // all outlive it
    rpc::Channel& channel;
    const tree::Forest& forest;
    Executor& loop;  // where hooks are called
    const Clock& clock;
    Logger& log;
  };
  struct Hooks {
    // Begin the end of this rank; may be called more than once.
    std::function<void(StopReason, Rank asked_by)> end;
    // Of this rank, as app/status.h has it.
    std::function<Json()> status;
  };

  Peers(Rank self, Parts parts, Hooks hooks);

  // kStop, kUnmounted and kStatus of other ranks. The progress thread; does not block.
  void Handle(Rank from, const rpc::Request& request, rpc::Responder respond);

  // What follows is called in the loop.

  // This rank was asked to end the job.
  void RequestStop(StopReason reason);
  // This rank's mount is gone; it goes on serving its children. When all are gone, the job ends.
  void TellUnmounted();
  // The status of this rank and of all below it in tree 0, merged; `done` is called once, within `budget`.
  void CollectStatus(Duration budget, std::move_only_function<void(Json)> done);
  // Long enough for the deepest rank to answer.
  Duration StatusBudget() const;

 private:
  struct Collection;

  void Order(StopReason reason, Rank asked_by);
  void SendOrder(Rank to, StopReason reason, Rank asked_by);
  void OnStop(Rank from, const rpc::Request& request);
  void OnUnmounted(Rank rank);
  void OnStatusReply(const std::shared_ptr<Collection>& collection, Rank child, Result<rpc::Reply> reply);

  const Rank self_;
  Parts parts_;
  const Hooks hooks_;
  std::atomic<bool> ordered_{false};  // the order was passed on
  std::set<Rank> unmounted_;          // rank 0, in the loop
};

}  // namespace copper::app

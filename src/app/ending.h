// The end of a job, over rpc alone: MPI is touched after it, and only if every rank has come to it.
//
// Three messages (src/wire/README.md), along tree 0 and around lost ranks:
//   - the order (kStop, "now"): from the rank that conducts the end down the tree. A rank takes its first order, and
//   who
//     gave it is its superior; to others it says that it has one. An order that is not answered goes to the children of
//     the rank that did not answer. Each rank passes it on at once, in the progress thread.
//   - the report (kLeft): to the superior, once a rank's own mount is gone and all that it gave orders to have reported
//     or were given up. If the superior is lost meanwhile, it goes to the conductor.
//   - the word to go (kStop, "go"): from the conductor back along the same way, with whether all ranks have reported.
// Until it comes a rank serves its children. Without it in time a rank ends alone.
//
// Whoever is asked to end the job passes the wish (kStop, "please") to the first of the first ranks
// (app/first_ranks.h) that answers, and begins its own end without waiting. Any rank can conduct.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "app/job_parts.h"
#include "app/losses.h"
#include "app/served.h"
#include "app/stop_reason.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/worker_pool.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::app {

struct JobEnd {
  bool whole = false;              // every rank has reported: MPI may be used
  bool alone = false;              // no word came
  bool conducted = false;          // by this rank
  std::set<Rank> lost;             // as far as this rank knows
  std::set<Rank> still_mounted{};  // came to the end, but could not unmount
  Served served;                   // by this rank and all that have reported to it
};

class Ending {
 public:
  struct Hooks {
    // Begin the end of this rank: unmount, then call Left. May be called more than once.
    std::function<void(StopReason, Rank asked_by)> begin;
    std::function<void(const JobEnd&)> go;  // once, the last
    // By this rank, so far. Any thread.
    std::function<Served()> served = [] { return Served(); };
  };

  Ending(Rank self, JobParts parts, Hooks hooks);

  // kStop and kLeft of other ranks. The progress thread; does not block.
  void Handle(Rank from, const rpc::Request& request, rpc::Responder respond);

  // What follows is called in the loop.

  // This rank was asked to end the job.
  void Request(StopReason reason);
  // This rank conducts the end: it was asked as the job's first, or by another rank.
  void Conduct(StopReason reason, Rank asked_by);
  // This rank's mount is gone, or can't be taken away.
  void Left(bool unmounted = true);
  // Whether the order to end came from this rank itself.
  bool conducts() const;
  // Once a second from the beginning of the end on: gives up who is overdue.
  void OnTick();

 private:
  enum class Phase { kServing, kBegun, kOrdered, kReported, kGone };

  bool TakeOrder(StopReason reason, Rank asked_by, std::optional<Rank> superior, Rank conductor);
  void Spread(Rank to);
  void SpreadBelow(Rank rank);
  void SendOrder(Rank to, bool spread_below_if_lost);
  void OnOrderAnswer(Rank to, bool spread_below_if_lost, const Result<rpc::Reply>& reply);
  void SendWish(StopReason reason, size_t next);
  void OnStop(Rank from, const rpc::Request& request, rpc::Responder respond);
  void OnLeft(Rank from, const rpc::Request& request, rpc::Responder respond);
  void CheckWhetherAllLeft();
  void Report(Rank to);
  void Go(bool whole, bool alone);
  void SendGo(Rank to, bool whole);
  void OnGoAnswer();
  Duration TimeToReport(Rank rank) const;

  const Rank self_;
  JobParts parts_;
  const Hooks hooks_;

  mutable std::mutex mutex_;  // guards what follows; never held across a call
  Phase phase_ = Phase::kServing;
  TimePoint begun_{};
  StopReason reason_ = StopReason::kRequest;
  Rank asked_by_ = 0;
  std::optional<Rank> superior_;  // none: this rank conducts
  Rank conductor_ = 0;
  bool left_ = false;                  // this rank's own mount
  std::map<Rank, TimePoint> awaited_;  // ordered, and until when to report; kNever: has not answered the order yet
  std::set<Rank> reported_;            // directly to this rank
  uint32_t count_ = 0;                 // ranks that have left, of those
  bool death_below_ = false;           // some of them was told of a death
  Served served_below_;                // by those
  std::set<Rank> lost_;
  std::set<Rank> still_mounted_;
  size_t going_ = 0;  // words to go that are not answered yet, and this rank's own
  JobEnd end_;
};

}  // namespace copper::app

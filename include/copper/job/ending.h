// The end of a job, over rpc alone: MPI is touched after it, and only if every rank has come to it.
//
// Three messages (src/wire/README.md), along tree 0 and around lost ranks:
//   - the order (kStop, "now"): from the rank that conducts the end down the tree. A rank takes its first order, and
//     who gave it is its superior; to others it says that it has one. An order that is not answered goes to the
//     children of the rank that did not answer; the older the end is, the more levels below it, twice as many for each
//     wait: n frozen ranks between the conductor and a leaf cost log n waits. Each rank passes an order on at once, in
//     the progress thread.
//   - the report (kLeft): to the superior, once a rank's own mount is gone and all that it gave orders to have reported
//     or were given up. If the superior is lost meanwhile, it goes to the conductor.
//   - the word to go (kStop, "go"): from the conductor back along the same way, with whether all ranks have reported.
// Until it comes a rank serves its children. Without it in time a rank ends alone.
//
// Waiting is for the living: who has taken an order and does not report is asked again and again whether it is there,
// and so is a superior that does not pass on the word; past one that is lost the conductor is told instead. And
// the whole end has one budget, however deep the tree: wishes and orders say how old the end is, and what each rank
// may wait for ends at an age of it (ReportsBy, kGoesBy in the source).
//
// Whoever is asked to end the job passes the wish (kStop, "please") to rank 0 or, where that does not answer, to the
// first of its deputies (job/first_ranks.h) that does, all of which it asks at once; it begins its own end without
// waiting. Any rank can conduct.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/mutex.h"
#include "copper/base/worker_pool.h"
#include "copper/job/job_parts.h"
#include "copper/job/losses.h"
#include "copper/job/served.h"
#include "copper/job/stop_reason.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

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
  // Once a second from the beginning of the end on: asks whom it waits for, gives up who is overdue.
  void OnTick();

 private:
  enum class Phase { kServing, kBegun, kOrdered, kReported, kGone };

  // Whether a rank is there of which something is awaited.
  struct Presence {
    bool is_asked = false;
    int silent = 0;  // how often in a row it has not said so

    // Whether it is to be given up.
    bool Note(bool is_there);
  };
  // A rank that was ordered to end, and has not reported.
  struct Awaited {
    TimePoint until = kNever;  // has not answered the order yet
    Presence presence{};
  };
  struct Wish;

  void ConductSince(TimePoint begun, StopReason reason, Rank asked_by) EXCLUDES(mutex_);
  bool TakeOrder(TimePoint begun, StopReason reason, Rank asked_by, std::optional<Rank> superior, Rank conductor)
      EXCLUDES(mutex_);
  void Spread(Rank to) EXCLUDES(mutex_);
  void SpreadBelow(Rank rank, uint32_t levels = 1) EXCLUDES(mutex_);
  // How many levels below a rank that does not answer are to be ordered.
  uint32_t LevelsPastTheSilent() const EXCLUDES(mutex_);
  void SendOrder(Rank to) EXCLUDES(mutex_);
  void OnOrderAnswer(Rank to, const Result<rpc::Reply>& reply) EXCLUDES(mutex_);
  void AskWhetherThere(Rank to);
  void OnWhetherThere(Rank rank, bool is_there) EXCLUDES(mutex_);
  void OnWhetherSuperiorIsThere(bool is_there) EXCLUDES(mutex_);
  void SendWish(StopReason reason) EXCLUDES(mutex_);
  void FindDeputy(const std::shared_ptr<Wish>& wish);
  // `there`: the first ranks that are.
  void SendWishTo(const std::shared_ptr<Wish>& wish, const std::set<Rank>& there) EXCLUDES(mutex_);
  void OnStop(Rank from, const rpc::Request& request, rpc::Responder respond) EXCLUDES(mutex_);
  void OnLeft(Rank from, const rpc::Request& request, rpc::Responder respond) EXCLUDES(mutex_);
  void CheckWhetherAllLeft() EXCLUDES(mutex_);
  // `again`: to the conductor, what has been told before to a superior that may not have passed it on.
  void Report(Rank to, bool again = false) EXCLUDES(mutex_);
  void Go(bool whole, bool alone) EXCLUDES(mutex_);
  void SendGo(Rank to, bool whole);
  void OnGoAnswer() EXCLUDES(mutex_);
  // How old the end is when this rank must have reported.
  Duration ReportsBy(Rank rank) const;
  Duration Age() const EXCLUDES(mutex_);
  rpc::Request Ageing(rpc::Request message) const EXCLUDES(mutex_);

  const Rank self_;
  JobParts parts_;
  const Hooks hooks_;

  mutable Mutex mutex_;  // never held across a call
  Phase phase_ GUARDED_BY(mutex_) = Phase::kServing;
  TimePoint begun_ GUARDED_BY(mutex_){};
  StopReason reason_ GUARDED_BY(mutex_) = StopReason::kRequest;
  Rank asked_by_ GUARDED_BY(mutex_) = 0;
  std::optional<Rank> superior_ GUARDED_BY(mutex_);  // none: this rank conducts
  Presence superiors_ GUARDED_BY(mutex_);            // asked for once this rank has reported to it
  Rank conductor_ GUARDED_BY(mutex_) = 0;
  bool left_ GUARDED_BY(mutex_) = false;  // this rank's own mount
  std::map<Rank, Awaited> awaited_ GUARDED_BY(mutex_);
  std::set<Rank> ordered_ GUARDED_BY(mutex_);    // by this rank
  std::set<Rank> reported_ GUARDED_BY(mutex_);   // directly to this rank
  uint32_t count_ GUARDED_BY(mutex_) = 0;        // ranks that have left, of those
  bool death_below_ GUARDED_BY(mutex_) = false;  // some of them was told of a death
  Served served_below_ GUARDED_BY(mutex_);       // by those
  std::set<Rank> lost_ GUARDED_BY(mutex_);
  std::set<Rank> still_mounted_ GUARDED_BY(mutex_);
  size_t going_ GUARDED_BY(mutex_) = 0;  // words to go that are not answered yet, and this rank's own
  JobEnd end_ GUARDED_BY(mutex_);
};

}  // namespace copper::job

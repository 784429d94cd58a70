// How a daemon leaves the job: the profile of all ranks, MPI, the last words.

#include <cstdio>

#include "app/daemon.h"
#include "app/mpi_guard.h"
#include "copper/bootstrap/lost_members.h"
#include "copper/bootstrap/world_reducer.h"
#include "copper/jobdir/end_record.h"

namespace copper::app {
namespace {

using profile::Profile;

// Every rank is on its way when the barrier begins.
constexpr auto kBarrierTimeout = std::chrono::seconds(10);
constexpr auto kReduceTimeout = std::chrono::seconds(60);
// The others wait in Finalize for rank 0, which writes the profile.
constexpr auto kFinalizeTimeout = std::chrono::seconds(60);
constexpr auto kGuardsGrace = std::chrono::seconds(10);  // beyond what has a deadline of its own
constexpr auto kExits = std::chrono::seconds(5);         // by _exit(2): more only if the kernel holds a thread
// Into the job directory, and to load what does. A thousand files of a busy file system are written in this, or it
// hangs.
constexpr auto kWrites = std::chrono::seconds(10);
constexpr auto kRecords = std::chrono::seconds(5);
// Of a rank that was killed at the end: what its mounter needs to unmount and say so.
constexpr auto kMountersEnd = std::chrono::seconds(2);
constexpr std::string_view kTag = "final";

KnownEnd::By SaidBy(const job::JobEnd& end) {
  if (end.conducted) return KnownEnd::By::kConductor;
  return end.alone ? KnownEnd::By::kAlone : KnownEnd::By::kFollower;
}

}  // namespace

Daemon::Outcome Daemon::Leave() {
  const job::JobEnd end = end_.value_or(job::JobEnd{.alone = true});
  Outcome outcome{.status = 0, .reason = end_reason_ + bootstrap::NameLost(end.lost, members_)};
  if (end.alone) {
    outcome = {.status = 1, .reason = outcome.reason + "; no word from the other ranks came in time"};
    record_.Reason("ended without the others: " + outcome.reason);
  }
  if (const std::string mounts = NameLeftMounts(end); !mounts.empty()) {
    outcome.status = 1;
    outcome.reason += mounts;
  }
  const Profile own = OwnProfile(std::string(kTag));
  if (end.whole) {
    outcome.whole = LeaveWorld(outcome, own);
    if (!outcome.whole) outcome.reason += "; some rank was lost at the very end";
  } else {
    ReduceOverRpc(outcome, own);
  }
  world_->Abandon();
  StopParts();
  RecordEnd(outcome);
  return outcome;
}

bool Daemon::LeaveWorld(Outcome& outcome, const Profile& own) {
  std::optional<Profile> profile = own;
  if (!ReduceOverMpi(outcome, own, profile)) return false;
  if (profile) KeepWhole(*profile, outcome);
  // If MPI hangs after all, the job has ended nevertheless.
  const MpiGuard guard(kFinalizeTimeout, MpiGuard::kAfterDeath, MpiGuard::WhenTold::kGoesOn, outcome.status,
                       [&](const std::string& reason) {
                         record_.Reason("MPI did not end in order: " + reason);
                         RecordEnd(outcome);
                         leaving_(outcome.status, kExits);
                       });
  world_->Finalize();
  return true;
}

bool Daemon::ReduceOverMpi(Outcome& outcome, const Profile& own, std::optional<Profile>& profile) {
  constexpr auto kLongest = kBarrierTimeout + kReduceTimeout + kGuardsGrace;
  const MpiGuard guard(kLongest, MpiGuard::kAfterDeath, MpiGuard::WhenTold::kGoesOn, outcome.status,
                       [&](const std::string& reason) {
                         record_.Reason("the profile could not be reduced: " + reason);
                         KeepOwn(own, outcome);
                         RecordEnd(outcome);
                         leaving_(outcome.status, kExits);
                       });
  Status reduced = world_->Barrier(clock_.Now() + kBarrierTimeout);
  if (reduced) {
    StopParts();
    reduced = bootstrap::WorldReducer(*world_).Reduce(profile, clock_.Now() + kReduceTimeout);
  }
  if (reduced) return true;
  log_.Error("the profile could not be reduced: {}", reduced.error().Describe());
  KeepOwn(own, outcome);
  return false;
}

// After a loss: whoever conducted the end asks all others, which wait for it.
void Daemon::ReduceOverRpc(Outcome& outcome, const Profile& own) {
  std::optional<Profile> profile = own;
  const TimePoint deadline = clock_.Now() + kReduceTimeout;
  if (end_ && end_->conducted) {
    if (rpc_reducer_->Reduce(profile, deadline)) KeepWhole(*profile, outcome);
    return;
  }
  // Alone, nobody will ask.
  const Status taken = end_ && !end_->alone ? rpc_reducer_->Follow(profile, deadline) : Fail(EHOSTDOWN);
  if (!taken && profile) KeepOwn(*profile, outcome);
}

void Daemon::NoteUnwritten(const std::optional<job::JobProfile::Unwritten>& unwritten, Outcome& outcome) {
  if (!unwritten) return;
  // Whom the log does not reach, which may be gone with the directory, the launcher's output does.
  std::fprintf(stderr, "cu_fuse: %s\n", unwritten->what.c_str());
  outcome.status = 1;
  outcome.reason += "; " + unwritten->what;
  if (!unwritten->elsewhere.empty()) outcome.elsewhere = unwritten->elsewhere;
}

void Daemon::KeepWhole(const Profile& whole, Outcome& outcome) {
  NoteUnwritten(profile_->KeepWhole(whole, AsideWithin(kWrites)), outcome);
}

void Daemon::KeepOwn(const Profile& own, Outcome& outcome) {
  NoteUnwritten(profile_->KeepOwn(own, AsideWithin(kWrites)), outcome);
}

// Whoever conducts the end looks for those of the lost.
std::string Daemon::NameLeftMounts(const job::JobEnd& end) {
  const auto left = std::make_shared<bootstrap::LeftMounts>();
  if (end.conducted && !end.lost.empty()) {
    auto look = [this, left, lost = end.lost] {
      *left = bootstrap::LookForMounts(lost, members_, members_[world_->rank()], job_, clock_, kMountersEnd);
    };
    const bool done = DoAside("a look at the job directory", kMountersEnd + kRecords, std::move(look));
    if (!done) return Describe(bootstrap::LeftMounts{.dead = end.still_mounted, .unknown = end.lost}, members_);
  }
  left->dead.insert(end.still_mounted.begin(), end.still_mounted.end());
  return Describe(*left, members_);
}

// The last act of the job, by whoever conducted its end, and by whoever was asked in control/.
void Daemon::RecordEnd(Outcome& outcome) {
  log_.Info("ended: {}", outcome.reason);
  const EndRecord record(job_, ElsewhereOf(ToHex(identity_.id)), {record_, *claim_, log_});
  auto write = [this, record, outcome] {
    const bool ours = record.Write(KnownEndOf(outcome));
    if (!control_) return;
    control_->Finish({outcome.status, outcome.reason, outcome.whole, outcome.elsewhere}, Acts() && ours);
  };
  if (DoAside("what writes into the job directory", kRecords, std::move(write))) return;
  outcome.status = 1;
  outcome.reason += "; " + job_.root() + " takes nothing: what is written hangs";
  record.WriteElsewhere(KnownEndOf(outcome));
}

KnownEnd Daemon::KnownEndOf(const Outcome& outcome) const {
  const job::JobEnd end = end_.value_or(job::JobEnd());
  return {.status = outcome.status,
          .reason = outcome.reason,
          .lost = end.lost,
          .by = SaidBy(end),
          .stopped_by_mount = stopped_by_mount_};
}

}  // namespace copper::app

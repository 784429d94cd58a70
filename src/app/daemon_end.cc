// How a daemon leaves the job: the profile of all ranks, MPI, the last words.

#include <unistd.h>

#include <cstdio>

#include "app/daemon.h"
#include "app/mpi_guard.h"
#include "copper/base/files.h"
#include "copper/bootstrap/lost_members.h"
#include "copper/bootstrap/world_reducer.h"
#include "copper/profile/profile_file.h"

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
  if (profile) WriteFinal(*profile, outcome);
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
                         WriteOwn(own, outcome);
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
  WriteOwn(own, outcome);
  return false;
}

// After a loss: whoever conducted the end asks all others, which wait for it.
void Daemon::ReduceOverRpc(Outcome& outcome, const Profile& own) {
  std::optional<Profile> profile = own;
  const TimePoint deadline = clock_.Now() + kReduceTimeout;
  if (end_ && end_->conducted) {
    if (rpc_reducer_->Reduce(profile, deadline)) WriteFinal(*profile, outcome);
    return;
  }
  // Alone, nobody will ask.
  const Status taken = end_ && !end_->alone ? rpc_reducer_->Follow(profile, deadline) : Fail(EHOSTDOWN);
  if (!taken && profile) WriteOwn(*profile, outcome);
}

void Daemon::WriteFinal(const Profile& whole, Outcome& outcome) {
  Write(
      whole, [this, whole] { return profile_->WriteFinal(whole); },
      [this, whole] { return profile_->SaveElsewhere(whole); }, outcome);
}

void Daemon::WriteOwn(const Profile& own, Outcome& outcome) {
  Write(
      own, [this, own] { return profile_->WriteOwn(own); }, [this, own] { return profile_->SaveOwnElsewhere(own); },
      outcome);
}

// Whom the log does not reach, which may be gone with the directory, the launcher's output does.
void Daemon::Write(const Profile& profile, const std::function<Status()>& write,
                   const std::function<Result<std::string>()>& save, Outcome& outcome) {
  // A rank that is none of the first has not loaded it yet.
  const Status loaded = profile.IsOn() ? TryAside("what loads copper_hdf5.so", profile::LoadProfileFiles,
                                                  "copper_hdf5.so can't be loaded: the file system it lies on hangs")
                                       : Status();
  const Status status = loaded ? TryAside("what writes into the job directory", write,
                                          job_.root() + " takes nothing: what is written hangs")
                               : loaded;
  if (status || !profile.IsOn() || profile.ranks.empty()) return;
  const Result<std::string> saved = loaded ? save() : std::unexpected(loaded.error());
  std::string what = "the profile could not be written (" + status.error().Describe() + ")";
  if (saved) what += ", and lies in " + *saved + " on " + host_;
  if (loaded && !saved) what += ", nor elsewhere: " + saved.error().Describe();
  log_.Error("{}", what);
  std::fprintf(stderr, "cu_fuse: %s\n", what.c_str());
  outcome.status = 1;
  outcome.reason += "; " + what;
  if (saved) outcome.elsewhere = *saved + " on " + host_;
}

Status Daemon::TryAside(std::string_view what, std::function<Status()> work, const std::string& if_it_hangs) {
  const auto done = std::make_shared<Status>();
  if (!DoAside(what, kWrites, [done, work = std::move(work)] { *done = work(); })) return Fail(ETIMEDOUT, if_it_hangs);
  return *done;
}

// Whoever conducts the end looks for those of the lost.
std::string Daemon::NameLeftMounts(const job::JobEnd& end) {
  const auto left = std::make_shared<bootstrap::LeftMounts>();
  if (end.conducted && !end.lost.empty()) {
    auto look = [this, left, lost = end.lost] {
      *left = bootstrap::LookForMounts(lost, members_, members_[world_->rank()], job_, kMountersEnd);
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
  if (DoAside("what writes into the job directory", kRecords, [this, outcome] { RecordInDirectory(outcome); })) return;
  outcome.status = 1;
  outcome.reason += "; " + job_.root() + " takes nothing: what is written hangs";
  RecordElsewhere(outcome);
}

// Whoever has stopped the job by a mount looks for it.
void Daemon::RecordElsewhere(const Outcome& outcome) {
  if (!end_ || !end_->conducted || (outcome.status == 0 && !stopped_by_mount_)) return;
  const JobDirectory elsewhere = ElsewhereOf(ToHex(identity_.id));
  Status recorded = MakeDirectories(elsewhere.root(), 0700);
  if (recorded) recorded = MakeDirectories(elsewhere.logs());
  const Json end = {{"status", outcome.status}, {"reason", outcome.reason}, {"lost", end_->lost}};
  if (recorded) recorded = WriteWholeFile(elsewhere.exit_file(), end.dump() + "\n");
  if (!recorded) log_.Error("{}", recorded.error().Describe());
}

void Daemon::RecordInDirectory(const Outcome& outcome) {
  const bool ours = claim_->Holds();
  if (ours) static_cast<void>(MakeDirectories(job_.logs(), 0700));  // they may have been removed
  if (!ours) RecordElsewhere(outcome);
  if (ours && end_ && end_->conducted) {
    unlink(job_.ready_file().c_str());
    if (const Status recorded = record_.Exit(outcome.status, outcome.reason, end_->lost); !recorded) {
      log_.Error("{}", recorded.error().Describe());
      RecordElsewhere(outcome);
    }
  } else if (ours && end_ && end_->alone) {
    const Status recorded = record_.ExitAlone(outcome.status, outcome.reason, end_->lost);
    if (recorded) unlink(job_.ready_file().c_str());
    if (!recorded && recorded.error().code != EEXIST) log_.Error("{}", recorded.error().Describe());
  }
  claim_->Release();  // a next job may start as soon as somebody knows that this one has ended
  if (control_) {
    control_->Finish({outcome.status, outcome.reason, outcome.whole, outcome.elsewhere}, Acts() && ours);
  }
}

}  // namespace copper::app

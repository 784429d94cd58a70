// How a daemon leaves the job: the profile of all ranks, MPI, the last words.

#include <unistd.h>

#include "app/daemon.h"
#include "app/mpi_guard.h"
#include "copper/bootstrap/mpi_reducer.h"

namespace copper::app {
namespace {

using profile::Profile;

// Every rank is on its way when the barrier begins.
constexpr auto kBarrierTimeout = std::chrono::seconds(10);
constexpr auto kReduceTimeout = std::chrono::seconds(60);
// With both.
constexpr auto kFinalizeTimeout = kBarrierTimeout + kReduceTimeout + std::chrono::seconds(10);
constexpr std::string_view kTag = "final";

}  // namespace

Daemon::Outcome Daemon::Leave() {
  const JobEnd end = end_.value_or(JobEnd{.alone = true});
  Outcome outcome{.status = 0, .reason = end_reason_ + NameLost(end.lost)};
  if (end.alone) {
    outcome = {.status = 1, .reason = outcome.reason + "; no word from the other ranks came in time"};
    record_.Reason("ended without the others: " + outcome.reason);
  }
  Profile own = OwnProfile(std::string(kTag));
  if (end.whole) {
    outcome.whole = LeaveWorld(outcome, own);
    if (!outcome.whole) outcome.reason += "; some rank was lost at the very end";
  } else {
    ReduceWithoutMpi(std::move(own));
  }
  world_.Abandon();
  StopParts();
  RecordEnd(outcome);
  return outcome;
}

bool Daemon::LeaveWorld(const Outcome& outcome, Profile& own) {
  // If MPI hangs after all, the job has ended nevertheless.
  const MpiGuard guard(kFinalizeTimeout, MpiGuard::kAfterDeath, outcome.status, [&](const std::string& reason) {
    record_.Reason("MPI did not end in order: " + reason);
    profile_->WriteOwn(own);
    RecordEnd(outcome);
  });
  if (!world_.Barrier(kBarrierTimeout)) {
    profile_->WriteOwn(own);
    return false;
  }
  StopParts();
  std::optional<Profile> profile = own;
  const Status reduced = bootstrap::MpiReducer(world_).Reduce(profile, clock_.Now() + kReduceTimeout);
  if (!reduced) {
    log_.Error("the profile could not be reduced: {}", reduced.error().Describe());
    profile_->WriteOwn(own);
    return false;
  }
  if (profile) profile_->WriteFinal(*profile);
  world_.Finalize();
  return true;
}

// After a loss: whoever conducted the end asks all others, which wait for it.
void Daemon::ReduceWithoutMpi(Profile own) {
  std::optional<Profile> profile = std::move(own);
  const TimePoint deadline = clock_.Now() + kReduceTimeout;
  if (end_ && end_->conducted) {
    if (rpc_reducer_->Reduce(profile, deadline)) profile_->WriteFinal(*profile);
    return;
  }
  // Alone, nobody will ask.
  const Status taken = end_ && !end_->alone ? rpc_reducer_->Follow(profile, deadline) : Fail(EHOSTDOWN);
  if (!taken && profile) profile_->WriteOwn(*profile);
}

// The last act of the job, by whoever conducted its end, and by whoever was asked in control/.
void Daemon::RecordEnd(const Outcome& outcome) {
  log_.Info("ended: {}", outcome.reason);
  if (!claim_) claim_ = std::make_unique<JobClaim>(job_, ToHex(identity_.id), UniqueFd());
  const bool ours = claim_->Holds();
  if (ours && end_ && (end_->conducted || end_->alone)) {
    unlink(job_.ready_file().c_str());
    if (const Status recorded = record_.Exit(outcome.status, outcome.reason, end_->lost); !recorded)
      log_.Error("{}", recorded.error().Describe());
  }
  claim_.reset();  // a next job may start as soon as somebody knows that this one has ended
  if (control_) control_->Finish(outcome.status, outcome.reason, outcome.whole, Acts() && ours);
}

}  // namespace copper::app

// What a daemon has to do with the others: who is lost, who speaks for the job, what all ranks say.

#include "app/daemon.h"
#include "copper/bootstrap/lost_members.h"

namespace copper::app {
namespace {

// As many snapshots as may be led by different ranks at once without waiting for each other.
constexpr size_t kReducingThreads = 4;

}  // namespace

void Daemon::MeetOthers() {
  const Rank rank = world_->rank();
  ending_ = std::make_unique<job::Ending>(
      rank, job::JobParts{*channel_, *forest_, *loop_, losses_, clock_, log_},
      job::Ending::Hooks{.begin = [this](job::StopReason reason, Rank by) { OnEnd(reason, by); },
                         .go = [this](const job::JobEnd& end) { OnGo(end); },
                         .served = [this] { return job::ServedBy(counters_); }});
  roll_call_ =
      std::make_unique<job::RollCall>(rank, job::JobParts{*channel_, *forest_, *loop_, losses_, clock_, log_},
                                      job::RollCall::Hooks{.all_unmounted = [this](Rank last) { OnAllUnmounted(last); },
                                                           .status = [this] { return OwnStatus(); }});
  std::vector<std::string> mounts;
  for (const bootstrap::Member& member : members_) mounts.push_back(member.mount_point);
  refresher_ = std::make_unique<job::Refresher>(
      rank,
      job::Refresher::Parts{*channel_, *forest_, *loop_, *detour_, *reducing_, wakeups_, clock_, log_,
                            fuse::Server::kMostRechecking},
      job::Refresher::Hooks{.begin = [this](const fetch::RefreshId& id, const std::string& path,
                                            TimePoint until) { fetcher_->BeginRefresh(id, path, until); },
                            .end = [this](const fetch::RefreshId& id, const std::string& path,
                                          fetch::Told told) { fetcher_->EndRefresh(id, path, std::move(told)); }},
      job::Refresher::Tops{target_, std::move(mounts)});
  fetcher_->SetControlHandler([this](Rank from, const rpc::Request& request, rpc::Responder respond) {
    if (request.kind == rpc::Kind::kReduce) return rpc_reducer_->Handle(from, request, std::move(respond));
    if (request.kind == rpc::Kind::kRefresh) return refresher_->Handle(request, std::move(respond));
    const bool of_the_end = request.kind == rpc::Kind::kStop || request.kind == rpc::Kind::kLeft;
    if (of_the_end) return ending_->Handle(from, request, std::move(respond));
    roll_call_->Handle(from, request, std::move(respond));
  });
  fetcher_->SetLossListener([this](Rank parent, bool lost) { OnLoss(parent, lost); });
  deputy_ = job::Deputy::Make(rank, world_->size(), *roll_call_, log_, [this] { OnActing(); });
  if (!deputy_) return;
  control_ = std::make_unique<Control>(
      job_,
      Control::Hooks{
          .stop = [this] { ending_->Conduct(job::StopReason::kRequest, world_->rank()); },
          .status = [this](Control::StatusDone done) { CollectStatus(std::move(done)); },
          .refresh = [this](const std::string& path,
                            Control::Done done) { refresher_->Refresh(path, std::move(done)); },
          .snapshot = [this](const std::string& tag, Control::Done done) { profile_->Snapshot(tag, std::move(done)); }},
      log_);
}

// Snapshots are written by whichever rank was asked for one.
void Daemon::MeetReducers() {
  claim_ = std::make_unique<JobClaim>(job_, ToHex(identity_.id), std::move(job_lock_));
  reducing_ = std::make_unique<WorkerPool>("copper-reduce", kReducingThreads);
  const auto own = [this](const std::string& tag) { return OwnProfile(tag); };
  rpc_reducer_ = std::make_unique<job::RpcReducer>(
      world_->rank(), job::RpcReducer::Parts{*channel_, *forest_, losses_, *reducing_, wakeups_, clock_, log_}, own);
  profile_ = std::make_unique<job::JobProfile>(
      ProfileOptions(), job_, job::JobProfile::Parts{*rpc_reducer_, *reducing_, *loop_, clock_, log_, *claim_}, own);
}

void Daemon::OnLoss(Rank rank, bool lost) {
  losses_.Note(rank, lost);
  if (lost && deputy_) loop_->Submit([this] { deputy_->Look(); });
}

void Daemon::OnActing() {
  loop_->TickEvery(TickPause());
  FindLost();
}

// For the log, and since the job ends when all mounts are gone: those of the lost are.
void Daemon::FindLost() {
  roll_call_->CollectStatus([this](const Json&) {
    const std::vector<Rank> all = losses_.All();
    std::set<Rank> lost(all.begin(), all.end());
    if (lost.empty() || lost == named_lost_) return;
    log_.Warning("the job goes on{}", bootstrap::NameLost(lost, members_));
    named_lost_ = std::move(lost);
    roll_call_->CheckUnmounted();
  });
}

void Daemon::CollectStatus(Control::StatusDone done) {
  roll_call_->CollectStatus([this, done = std::move(done)](Json status) mutable {
    Json& totals = status["totals"];
    totals["lost"] = Json::array();
    for (const Json& unreachable : totals["unreachable"]) {
      const auto rank = unreachable.get<Rank>();
      if (rank >= members_.size()) continue;
      totals["lost"].push_back({{"rank", rank}, {"host", members_[rank].host}, {"pid", members_[rank].pid}});
    }
    done(std::move(status));
  });
}

void Daemon::OnAllUnmounted(Rank last) {
  if (Acts()) ending_->Conduct(job::StopReason::kUnmounted, last);
}

}  // namespace copper::app

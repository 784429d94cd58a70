// How a daemon serves, and how it ends.

#include "app/daemon.h"

#include <unistd.h>

#include <csignal>

#include "app/job_lock.h"

namespace copper::app {
namespace {

// How long a rank waits at the end for the others, which finish what they are asked and unmount.
constexpr auto kEndTimeout = std::chrono::seconds(20);

}  // namespace

Daemon::~Daemon() {
  Unmount();
  StopParts();
}

Daemon::Outcome Daemon::Serve() {
  MainLoop::Handlers handlers;
  handlers.on_signal = [this](int signal, pid_t sender) { OnSignal(signal, sender); };
  handlers.on_mount_table = [this] { OnMountTable(); };
  if (IsFirst()) {
    control_ = std::make_unique<Control>(
        job_,
        Control::Hooks{
            .stop = [this] { peers_->RequestStop(StopReason::kRequest); },
            .status =
                [this](Control::StatusDone done) { peers_->CollectStatus(peers_->StatusBudget(), std::move(done)); },
            .refresh = [this](const std::string& path, Control::RefreshDone done) { Refresh(path, std::move(done)); }},
        log_);
    handlers.on_second = [this] { control_->Look(); };
  }
  if (const Status ran = loop_->Run(handlers); !ran) {
    log_.Error("{}", ran.error().Describe());
    peers_->RequestStop(StopReason::kFailure);
    end_reason_ = ran.error().Describe();
  }
  return Leave();
}

void Daemon::OnSignal(int signal, pid_t sender) {
  if (signal != SIGUSR1) {
    log_.Info("signal {} from process {}", signal, sender);
    peers_->RequestStop(StopReason::kSignal);
    return;
  }
  // So Hydra tells that a rank has died, where it was asked not to end the job then.
  log_.Warning("the launcher says that a rank is lost; the others go on serving");
  world_.Abandon();
}

void Daemon::Refresh(const std::string& given, Refresher::Done done) {
  std::vector<std::string> mounts;
  for (const bootstrap::Member& member : members_) mounts.push_back(member.mount_point);
  const Result<std::string> path = PathInSource(given, target_, mounts);
  if (!path) return done(std::unexpected(path.error()));
  refresher_->Refresh(*path, [this, done = std::move(done)](const Result<std::string>& outcome) mutable {
    if (outcome) {
      log_.Info("{}", *outcome);
    } else {
      log_.Warning("{}", outcome.error().Describe());
    }
    done(outcome);
  });
}

void Daemon::OnMountTable() {
  if (Result<std::vector<storage::Mount>> mounts = storage::ReadMountTable()) {
    file_systems_->Update(std::move(*mounts));
  } else {
    log_.Error("cannot read the mount table again: {}", mounts.error().Describe());
  }
}

void Daemon::OnUnmounted() {
  if (!mounted_) return;
  log_.Info("{} was unmounted; this rank goes on serving its children", mount_point_);
  Unmount();  // the mount point, if it was made
  peers_->TellUnmounted();
}

void Daemon::OnEnd(StopReason reason, Rank asked_by) {
  if (end_reason_.empty()) {
    end_reason_ = Describe(reason, asked_by);
    log_.Info("ending: {}", end_reason_);
  }
  loop_->End();
}

void Daemon::Unmount() {
  if (!mounted_.exchange(false)) return;
  if (const Status unmounted = mounter_.Unmount(); !unmounted) log_.Error("{}", unmounted.error().Describe());
}

void Daemon::StopParts() {
  if (server_) server_->Stop();
  if (channel_) channel_->Stop();
  if (pool_) pool_->Stop();
  if (detour_) detour_->Stop();
}

Daemon::Outcome Daemon::Leave() {
  server_->Stop();
  Unmount();
  // The others may still ask for files until they have come here too.
  const Status together = world_.Barrier(kEndTimeout);
  StopParts();
  Outcome outcome{.status = 0, .reason = end_reason_};
  if (!together) {
    outcome = {.status = 1, .reason = end_reason_ + "; " + together.error().Describe()};
    log_.Warning("not every rank came to the end: {}", together.error().Describe());
  }
  if (IsFirst()) {
    unlink(job_.ready_file().c_str());
    const Status recorded = RecordExit(job_, outcome.status, outcome.reason);
    if (!recorded) log_.Error("{}", recorded.error().Describe());
  }
  world_.Finalize();
  log_.Info("ended: {}", outcome.reason);
  if (control_) control_->Finish(outcome.status, outcome.reason);
  return outcome;
}

}  // namespace copper::app

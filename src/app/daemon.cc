// How a daemon serves, and how it ends.

#include "app/daemon.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "copper/base/aside.h"

namespace copper::app {
namespace {

constexpr auto kControlPause = std::chrono::seconds(1);
constexpr auto kEndPause = std::chrono::milliseconds(250);  // finer than what the levels of a deep tree differ by
// What these take where nothing hangs is far less. Whatever has not come back by then is left behind, which costs
// nothing but the order of the process's own end.
constexpr auto kSnapshotBeforeEnd = std::chrono::seconds(6);
constexpr auto kServerStops = std::chrono::seconds(2);
constexpr auto kPartsStop = std::chrono::seconds(2);
constexpr auto kExits = std::chrono::seconds(5);

}  // namespace

Daemon::~Daemon() {
  Unmount();
  StopParts();
}

Daemon::Outcome Daemon::Serve() {
  MainLoop::Handlers handlers;
  handlers.on_signal = [this](int signal, pid_t sender) { OnSignal(signal, sender); };
  handlers.on_mount_table = [this] { OnMountTable(); };
  handlers.on_tick = [this] { OnTick(); };
  loop_->TickEvery(TickPause());
  AnnounceReady();
  if (const Status ran = loop_->Run(handlers); !ran) {
    // Without its loop a rank can't wait for the others.
    log_.Fatal("{}", ran.error().Describe());
    record_.Reason(ran.error().Describe());
    ending_->Request(job::StopReason::kFailure);
    end_reason_ = ran.error().Describe();
    LeaveMount();
  }
  return Leave();
}

// The first ranks look into control/ or at those before them, an ending rank at the time; the others sleep.
std::optional<Duration> Daemon::TickPause() const {
  if (!end_reason_.empty()) return kEndPause;
  if (Acts()) return kControlPause;
  if (deputy_) return job::Deputy::kPause;
  return std::nullopt;
}

void Daemon::OnTick() {
  if (!end_reason_.empty()) ending_->OnTick();
  if (leaves_by_ && clock_.Now() >= *leaves_by_) {
    leaves_by_.reset();
    log_.Warning("no snapshot at the beginning of the end: it is not written in time");
    ending_->Left(still_mounted_.empty());
  }
  if (deputy_ && clock_.Now() >= next_look_) {
    next_look_ = clock_.Now() + job::Deputy::kPause;
    deputy_->Look();
  }
  if (Acts() && claim_->Holds()) {
    control_->Look();
    profile_->OnTick();
  }
  loop_->TickEvery(TickPause());
}

void Daemon::OnSignal(int signal, pid_t sender) {
  if (signal != SIGUSR1) {
    log_.Info("signal {} from process {}", signal, sender);
    ending_->Request(job::StopReason::kSignal);
    return;
  }
  // So Hydra tells that a rank has died, where it was asked not to end the job then.
  if (!losses_.death()) log_.Warning("the launcher says that a rank has died; the others go on serving");
  losses_.NoteDeath();
  world_->Abandon();
  if (deputy_) deputy_->Look();
  if (Acts()) FindLost();
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
  roll_call_->TellUnmounted();
}

void Daemon::OnEnd(job::StopReason reason, Rank asked_by) {
  if (!end_reason_.empty()) return;
  end_reason_ = Describe(reason, asked_by);
  stopped_by_mount_ = reason == job::StopReason::kIoctl;
  log_.Info("ending: {}", end_reason_);
  loop_->TickEvery(TickPause());
  // The others may still ask for files until all have come here. In the loop, so that it is after what follows, whether
  // or not a snapshot is waited for.
  auto left = [this] {
    loop_->Submit([this] {
      leaves_by_.reset();
      ending_->Left(still_mounted_.empty());
    });
  };
  if (ending_->conducts()) {
    leaves_by_ = clock_.Now() + kSnapshotBeforeEnd;
    profile_->SnapshotBeforeEnd(left);
  } else {
    left();
  }
  LeaveMount();
}

void Daemon::OnGo(const job::JobEnd& end) {
  end_ = end;
  log_.Info("this rank served {}", Describe(job::ServedBy(counters_)));
  if (end.conducted) log_.Info("the job served {}", Describe(end.served));
  loop_->End();
}

// A thread of the server may be in the kernel, which waits for a lock that only the end of the connection releases: the
// mount goes whether it has come back or not.
void Daemon::LeaveMount() {
  const copper::Aside stopping([this] { server_->Stop(); });
  const bool stopped = stopping.IsDoneWithin(kServerStops);
  Unmount();
  if (!stopped && !stopping.IsDoneWithin(kServerStops)) NoteHeld("the FUSE session");
}

void Daemon::Unmount() {
  if (!mounted_.exchange(false)) return;
  const Status unmounted = mounter_.Unmount();
  if (unmounted) return;
  still_mounted_ = unmounted.error().Describe();
  log_.Error("{} is still mounted: {}", mount_point_, still_mounted_);
}

// The pools are last: what their threads still complete finds everything else closed. One that reads a source which
// hangs does not come back, and is left behind.
void Daemon::StopParts() {
  if (held_ || std::exchange(parts_stopped_, true)) return;
  DoAside("a thread that waits for the source, or the job directory,", kPartsStop, [this] {
    if (server_) server_->Stop();
    if (channel_) channel_->Stop();
    if (reducing_) reducing_->Stop();
    if (pool_) pool_->Stop();
    if (detour_) detour_->Stop();
    if (local_) local_->Stop();
  });
}

bool Daemon::DoAside(std::string_view what, Duration patience, Task work) {
  if (copper::Aside(std::move(work)).IsDoneWithin(patience)) return true;
  NoteHeld(what);
  return false;
}

job::JobProfile::Aside Daemon::AsideWithin(Duration patience) {
  return [this, patience](std::string_view what, Task work) { return DoAside(what, patience, std::move(work)); };
}

void Daemon::NoteHeld(std::string_view what) {
  held_ = true;
  log_.Warning("{} does not come back: this process ends without it", what);
}

// The mounter is told by hand: the kernel may hold a thread of this process, and with it every descriptor.
void Daemon::EndHeld(int status) {
  static_cast<void>(log_.Flush());
  leaving_(status, kExits);
  static_cast<void>(mount::Mounter(std::move(mounter_)));  // its destructor says farewell
  std::fflush(nullptr);
  // The launcher waits for the end of what it gave to this process.
  CloseStandard();
  CloseAllBut({});
  _exit(status);
}

}  // namespace copper::app

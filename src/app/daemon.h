// One rank of the job: builds and owns everything, bottom up (app/start.cc), and takes it down in the reverse order.
//
// Main thread only. Other threads reach it through the main loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/main_loop.h"
#include "app/options.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/unique_fd.h"
#include "copper/base/wakeup.h"
#include "copper/base/worker_pool.h"
#include "copper/bootstrap/address_book.h"
#include "copper/bootstrap/members.h"
#include "copper/bootstrap/world.h"
#include "copper/cache/cache.h"
#include "copper/fabric/endpoint.h"
#include "copper/fetch/fetcher.h"
#include "copper/fuse/server.h"
#include "copper/job/deputy.h"
#include "copper/job/ending.h"
#include "copper/job/job_profile.h"
#include "copper/job/refresher.h"
#include "copper/job/roll_call.h"
#include "copper/job/rpc_reducer.h"
#include "copper/job/status_report.h"
#include "copper/jobdir/control.h"
#include "copper/jobdir/end_record.h"
#include "copper/jobdir/job_directory.h"
#include "copper/jobdir/job_lock.h"
#include "copper/jobdir/job_record.h"
#include "copper/mount/mounter.h"
#include "copper/profile/counters.h"
#include "copper/rpc/channel.h"
#include "copper/storage/file_systems.h"
#include "copper/storage/posix_store.h"
#include "copper/storage/source_with_words.h"
#include "copper/tree/forest.h"

namespace copper::app {

class Daemon {
 public:
  // Called by any thread when all of this rank's work is done and nothing is left but to end with `status`, which takes
  // `longest` at most: whoever waits for the process need not wait longer.
  using Leaving = std::function<void(int status, Duration longest)>;

  // `started` is when the process began.
  Daemon(Options options, JobRecord& record, mount::Mounter mounter, std::unique_ptr<bootstrap::World> world,
         TimePoint started, Leaving leaving);
  ~Daemon();  // takes down what is still up; not to be called where IsHeld

  // Collective. After it every rank serves, or none does, nothing is mounted, and all have the same error. `serving` is
  // called when this rank serves, before anybody can know that all do.
  Status Start(const std::function<void()>& serving);

  struct Outcome {
    int status = 0;  // of the process
    std::string reason;
    bool whole = false;       // the world was left in order; else MPI must not be touched again, not by exit(3) either
    std::string elsewhere{};  // what was saved where the job directory did not take it
  };
  // Until the job ends; then ends this rank: unmounts, waits for the others (copper/job/ending.h), leaves MPI.
  Outcome Serve();
  // A rank was lost, or is there again. Any thread.
  void OnLoss(Rank rank, bool lost);

  bool IsFirst() const { return world_->rank() == 0; }
  // A thread of this process did not come back in time: it may use anything here, so that nothing may be destroyed, and
  // the process can end by EndHeld only.
  bool IsHeld() const { return held_; }
  // Says farewell to the mounter, and ends the process.
  [[noreturn]] void EndHeld(int status);

 private:
  // The steps of Start; after each all ranks agree on whether to go on.
  Status CheckHost();
  Status CheckMounts();
  Status Meet();
  Status ChooseNetwork();
  Status OpenSource();
  Status OpenFabric();
  Status Mount();
  Status Connect();
  Status StartServing();
  Status ProveMount();     // asks it something; and tunes it, which works only then
  Status GatherTimings();  // the last use of MPI before the end

  Status PlanTrees();
  void MeetOthers();
  void MeetReducers();
  void AnnounceReady();
  void LogStart();
  uint64_t MemoryBudget() const;
  uint64_t NodeBudget() const;
  fetch::Fetcher::Options FetcherOptions() const;
  fuse::Server::Options ServerOptions();
  Json OwnStatus();
  Json LiveStatus();                // with what `copper stop MOUNT` wants to know
  Json LookAtJobDirectory() const;  // whether it is gone. Blocks on it
  // Once serving; any thread. Takes as long as sorting the paths that were used.
  profile::Profile OwnProfile(const std::string& tag);
  job::JobProfile::Options ProfileOptions() const;

  void OnSignal(int signal, pid_t sender);
  void OnMountTable();
  void OnUnmounted();
  void OnAllUnmounted(Rank last);
  void OnTick();
  void OnActing();  // as the job's first rank, since those before it are lost
  void OnEnd(job::StopReason reason, Rank asked_by);
  void OnGo(const job::JobEnd& end);

  std::optional<Duration> TickPause() const;
  bool Acts() const { return deputy_ && deputy_->IsActing(); }
  void FindLost();
  void CollectStatus(Control::StatusDone done);
  std::string NameLeftMounts(const job::JobEnd& end);  // empty where none is left

  void LeaveMount();
  void Unmount();
  void StopParts();
  // Whether the work came back in time; else this daemon is held.
  bool DoAside(std::string_view what, Duration patience, Task work);
  job::JobProfile::Aside AsideWithin(Duration patience);
  void NoteHeld(std::string_view what);
  Outcome Leave();
  bool LeaveWorld(Outcome& outcome, const profile::Profile& own);
  // `profile`: this rank's own before, of all at rank 0 afterwards, see profile::Reducer.
  bool ReduceOverMpi(Outcome& outcome, const profile::Profile& own, std::optional<profile::Profile>& profile);
  void ReduceOverRpc(Outcome& outcome, const profile::Profile& own);
  // These write into the job directory, which may hang: with a bound each.
  void KeepWhole(const profile::Profile& whole, Outcome& outcome);
  void KeepOwn(const profile::Profile& own, Outcome& outcome);
  void NoteUnwritten(const std::optional<job::JobProfile::Unwritten>& unwritten, Outcome& outcome);
  void RecordEnd(Outcome& outcome);
  KnownEnd KnownEndOf(const Outcome& outcome) const;
  int64_t SinceStart() const;

  const Options options_;
  JobRecord& record_;
  const TimePoint started_;
  const Leaving leaving_;
  const SteadyClock clock_;
  ThreadWakeups wakeups_;
  mount::Mounter mounter_;
  const std::unique_ptr<bootstrap::World> world_;
  const std::string host_;
  const std::string boot_id_;
  const JobDirectory job_;
  bootstrap::StartTimings timings_;
  Duration registered_in_{};                            // how long the provider took to be opened
  std::vector<bootstrap::StartTimings> start_timings_;  // of all ranks
  UniqueFd job_lock_;                                   // rank 0, until claim_ has it
  Logger log_;
  profile::Counters counters_;

  std::string target_;                  // with symlinks resolved
  std::vector<std::string> shared_fs_;  // likewise
  std::string mount_point_;             // of this rank
  std::vector<storage::Mount> mounts_;
  std::vector<bootstrap::Member> members_;
  bootstrap::AddressBook address_book_;
  std::vector<bootstrap::MemberAddress> member_addresses_;
  JobIdentity identity_;
  job::RankIdentity who_;
  std::string job_directory_id_;  // JobDirectory::Id at the start; empty where this node does not see it
  UniqueFd connection_;
  std::atomic<bool> mounted_{false};

  // In the order in which they are made; what is below uses what is above.
  std::unique_ptr<profile::Recorder> recorder_;  // null: no profiling
  std::unique_ptr<MainLoop> loop_;
  std::unique_ptr<tree::Forest> forest_;
  std::unique_ptr<storage::FileSystems> file_systems_;
  std::unique_ptr<storage::PosixStore> store_;
  std::unique_ptr<storage::SourceWithWords> source_;  // it, for the fetcher
  std::unique_ptr<WorkerPool> pool_, detour_, local_;
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<fabric::Endpoint> endpoint_;
  std::unique_ptr<rpc::FabricChannel> channel_;
  std::unique_ptr<fetch::Fetcher> fetcher_;
  job::Losses losses_;
  std::set<Rank> named_lost_;  // in the log
  std::unique_ptr<job::Ending> ending_;
  std::unique_ptr<job::RollCall> roll_call_;
  std::unique_ptr<JobClaim> claim_;
  std::unique_ptr<WorkerPool> reducing_;
  std::unique_ptr<job::Refresher> refresher_;
  std::unique_ptr<job::RpcReducer> rpc_reducer_;
  std::unique_ptr<job::JobProfile> profile_;
  std::unique_ptr<job::Deputy> deputy_;  // the first ranks, as the next two
  std::unique_ptr<Control> control_;
  std::unique_ptr<fuse::Server> server_;

  std::atomic<bool> held_{false};
  std::optional<TimePoint> leaves_by_;  // while a snapshot is waited for
  std::string still_mounted_;           // why, where the mount could not be taken away
  bool parts_stopped_ = false;
  TimePoint next_look_{};   // of a deputy, at those before it
  std::string end_reason_;  // set once the job ends
  bool stopped_by_mount_ = false;
  std::optional<job::JobEnd> end_;
};

}  // namespace copper::app

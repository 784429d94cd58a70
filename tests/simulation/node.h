// One rank: the product's parts, assembled as app/start.cc does, over a simulated clock, fabric, source and pools.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "copper/base/log.h"
#include "copper/cache/cache.h"
#include "copper/fetch/fetcher.h"
#include "copper/job/deputy.h"
#include "copper/job/ending.h"
#include "copper/job/losses.h"
#include "copper/job/refresher.h"
#include "copper/job/roll_call.h"
#include "copper/job/rpc_reducer.h"
#include "copper/profile/counters.h"
#include "copper/profile/profile.h"
#include "copper/rpc/channel.h"
#include "copper/storage/backing_store.h"
#include "copper/storage/file_systems.h"
#include "copper/tree/forest.h"
#include "copper/wire/keys.h"
#include "simulation/event_queue.h"
#include "simulation/executor.h"
#include "simulation/fibers.h"
#include "simulation/wakeups.h"

namespace copper::simulation {

// Breaks the assembly of one node on purpose, so that tests see each check fail.
enum class Mutation {
  kNone,
  kAlone,        // one node believes that it is the root of all trees
  kManyThreads,  // one node has many more threads for the source than its share
  kLostTasks,    // a pool forgets its tasks
  kNoBudget,     // one node holds more than it was told to
  kWrongBytes,   // one node's kernel gets other bytes
  kManyPeers,    // one node asks everybody
  kNeverLeaves,  // one node does not come to its end
  kRestless,     // one node wants ticks for ever
  kLate,         // one node looks at requests of others much later than they came
  kStaysAway,    // one node does not come to the start
  kMute,         // one node says nothing of its status
  kStranger,     // one node says in profiles that it is rank 0
  kIdleDeputy,   // the first deputy takes over from nobody
};

class Node final : public rpc::Handler {
 public:
  struct Options {
    fetch::Fetcher::Options fetch;
    uint64_t cache_budget = UINT64_MAX;
    SimulatedExecutor::Options roots, detours, local;
    LogLevel log_level = LogLevel::kWarning;
  };
  struct World {  // all outlive the node
    EventQueue& queue;
    Fibers& fibers;
    const tree::Forest& forest;
    const storage::FileSystems& file_systems;
    const wire::Keys& keys;
    LogOutput& log;
  };

  Node(const Options& options, World world, Host& host, fabric::Endpoint& endpoint,
       std::unique_ptr<storage::BackingStore> store);
  ~Node() override;

  Host& host() { return host_; }
  fetch::Fetcher& fetcher() { return fetcher_; }
  storage::BackingStore& store() { return *store_; }
  cache::Cache& cache() { return cache_; }
  profile::Counters& counters() { return counters_; }
  rpc::ChannelCounters channel_counters() const { return channel_.counters(); }
  job::Ending& ending() { return ending_; }
  job::Losses& losses() { return losses_; }
  job::Refresher& refresher() { return refresher_; }
  job::RollCall& roll_call() { return roll_call_; }
  // Whether this rank speaks for the job.
  bool Acts() const { return deputy_ && deputy_->IsActing(); }
  // As app/main_loop.cc does now and then.
  void LookAsDeputy();
  // Leads a reduction. In `done`, which is called once: the profile of all, or what it failed with.
  void Reduce(const std::string& tag, TimePoint deadline, std::move_only_function<void(Result<profile::Profile>)> done);
  SimulatedExecutor& roots() { return roots_; }
  // Bytes that its tables held at most, when it was looked at: with each request of another rank, and each tick.
  uint64_t most_held() const { return most_held_; }
  Duration longest_task() const { return std::max({roots_.longest(), detours_.longest(), local_.longest()}); }

  // Of the end of the job: nullopt before.
  const std::optional<job::JobEnd>& end() const { return end_; }
  std::optional<TimePoint> ended_at() const { return ended_at_; }
  // Told when this rank's end begins: it is to stop its kernel.
  void SetOnEnding(std::function<void()> on_ending) { on_ending_ = std::move(on_ending); }

  // --- Mutations.
  void NeverLeave() { never_leaves_ = true; }
  // Keeps requests of other ranks for so long before it looks at them.
  void SitOnRequests(Duration time) { sits_ = time; }
  void PingAll();
  void TickForEver();
  void SayNothingOfStatus() { is_mute_ = true; }
  void CallItself(Rank rank) { called_ = rank; }
  void NeverTakeOver() { deputy_.reset(); }

  void Stop();

 private:
  void Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) override;
  bool OnTick(TimePoint now) override;
  void NoteHeld() { most_held_ = std::max(most_held_, cache_.budget().held()); }
  void OnControl(Rank from, const rpc::Request& request, rpc::Responder respond);
  void BeginEnd();
  void TickEnd();
  void OnGo(const job::JobEnd& end);
  void OnLoss(Rank rank, bool lost);
  Json OwnStatus();
  profile::Profile OwnProfile(const std::string& tag) const;
  job::JobParts JobPartsOf(const World& world) { return {channel_, world.forest, loop_, losses_, world.queue, log_}; }

  EventQueue& queue_;
  Host& host_;
  const tree::Forest& forest_;
  std::unique_ptr<storage::BackingStore> store_;
  Logger log_;
  cache::Cache cache_;
  profile::Counters counters_;
  SimulatedExecutor roots_, detours_, local_, loop_, reducing_;
  SimulatedWakeups wakeups_;
  rpc::FabricChannel channel_;
  fetch::Fetcher fetcher_;
  job::Losses losses_;
  job::Ending ending_;
  job::RollCall roll_call_;
  job::Refresher refresher_;
  job::RpcReducer reducer_;
  std::unique_ptr<job::Deputy> deputy_;  // of the first ranks only
  std::function<void()> on_ending_;
  bool is_ending_ = false;
  bool never_leaves_ = false;
  Duration sits_{};
  bool is_restless_ = false;
  bool is_mute_ = false;
  std::optional<Rank> called_;
  uint64_t most_held_ = 0;
  std::optional<job::JobEnd> end_;
  std::optional<TimePoint> ended_at_;
};

}  // namespace copper::simulation

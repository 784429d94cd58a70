// A job in one process: ranks with all of fetch, over the loopback fabric and one source in memory.
#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "copper/base/worker_pool.h"
#include "copper/fetch/fetcher.h"
#include "copper/rpc/channel.h"
#include "fakes/fake_clock.h"
#include "fakes/loopback_fabric.h"
#include "fakes/memory_store.h"

namespace copper::fakes {

// Calls `start(done)` and waits for what `done` is given; ETIME, which nothing else says, if it was not called in 30 s.
template <class T, class Start>
Result<T> Await(Start start) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  start([promise](Result<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return Fail(ETIME, "no answer");
  return future.get();
}

// Hands everything on, and counts the ticks.
class CountingHandler final : public rpc::Handler {
 public:
  explicit CountingHandler(rpc::Handler& handler) : handler_(handler) {}
  void Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) override;
  bool OnTick(TimePoint now) override;
  uint64_t ticks() const;
  // False if there were not that many within 10 s.
  [[nodiscard]] bool WaitForTicks(uint64_t count);

 private:
  rpc::Handler& handler_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t ticks_ = 0;
};

class TestNode {
 public:
  static constexpr size_t kDetourThreads = 2;

  TestNode(Rank self, const tree::Forest& forest, fabric::Endpoint& endpoint, storage::BackingStore& store,
           const storage::FileSystems& file_systems, const Clock& clock, fetch::Fetcher::Options options,
           uint64_t cache_budget);
  ~TestNode();

  fetch::Fetcher& fetcher() { return fetcher_; }
  rpc::FabricChannel& channel() { return channel_; }
  cache::Cache& cache() { return cache_; }
  profile::Counters& counters() { return counters_; }
  // Of what its children ask for, and of what a test begins.
  profile::Recorder& recorder() { return recorder_; }
  profile::OperationUse Recorded(profile::Operation operation);

  // Until all that was due when this was called has been done by the progress thread.
  [[nodiscard]] bool Tick();

  Result<fetch::Found> Look(const std::string& path);
  Result<fetch::Listed> List(const std::string& path);
  // As it was opened; else by whoever read this version of it here before.
  Result<std::string> Read(const fetch::File& file, uint64_t offset, size_t size);
  // Looks, opens it anew, then reads all of it.
  Result<std::string> ReadWhole(const std::string& path);

 private:
  fetch::File Opened(const fetch::File& file);

  Logger log_;
  cache::Cache cache_;
  profile::Counters counters_;
  profile::Recorder recorder_;
  WorkerPool pool_, detour_, local_;
  rpc::FabricChannel channel_;
  fetch::Fetcher fetcher_;
  CountingHandler handler_{fetcher_};
  std::mutex mutex_;  // guards what follows
  std::vector<fetch::File> opened_;
};

class TestJob {
 public:
  static constexpr Duration kStep = std::chrono::milliseconds(250);

  explicit TestJob(uint32_t ranks, fetch::Fetcher::Options options = {}, uint32_t fanout = 2, uint32_t trees = 0,
                   uint64_t cache_budget = UINT64_MAX);
  ~TestJob();

  MemoryStore& store() { return store_; }
  FakeClock& clock() { return clock_; }
  LoopbackFabric& fabric() { return fabric_; }
  const tree::Forest& forest() const { return forest_; }
  TestNode& node(Rank rank) { return *nodes_[rank]; }
  uint32_t ranks() const { return forest_.ranks(); }

  // Lets time pass, in small steps, on every node.
  void Pass(Duration time, Duration step = kStep);
  // What `future` gives, and the time that passed until it did; time stands still if it is there already.
  template <class T>
  T PassUntil(std::future<T>& future, Duration& passed) {
    passed = {};
    while (future.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready && passed < kMostTime) {
      Pass(kStep);
      passed += kStep;
    }
    return future.get();
  }

 private:
  static constexpr Duration kMostTime = std::chrono::minutes(1);

  FakeClock clock_;
  MemoryStore store_;
  storage::FileSystems file_systems_;
  tree::Forest forest_;
  LoopbackFabric fabric_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace copper::fakes

// A job in one process: ranks with all of fetch, over the loopback fabric and one source in memory.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "copper/base/worker_pool.h"
#include "copper/fetch/fetcher.h"
#include "copper/rpc/channel.h"
#include "fakes/fake_clock.h"
#include "fakes/loopback_fabric.h"
#include "fakes/memory_store.h"

namespace copper::fakes {

// Calls `start(done)` and waits for what `done` is given; ETIME, which nothing else says, if it was not called in 10 s.
template <class T, class Start>
Result<T> Await(Start start) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  start([promise](Result<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready) return Fail(ETIME, "no answer");
  return future.get();
}

class TestNode {
 public:
  TestNode(Rank self, const tree::Forest& forest, fabric::Endpoint& endpoint, storage::BackingStore& store,
           const storage::FileSystems& file_systems, const Clock& clock, fetch::Fetcher::Options options,
           uint64_t cache_budget);
  ~TestNode();

  fetch::Fetcher& fetcher() { return fetcher_; }
  cache::Cache& cache() { return cache_; }
  profile::Counters& counters() { return counters_; }

  Result<fetch::Found> Look(const std::string& path);
  Result<fetch::Listed> List(const std::string& path);
  Result<std::string> Read(const fetch::File& file, uint64_t offset, size_t size);
  // Looks, then reads all of it.
  Result<std::string> ReadWhole(const std::string& path);

 private:
  Logger log_;
  cache::Cache cache_;
  profile::Counters counters_;
  WorkerPool pool_;
  rpc::FabricChannel channel_;
  fetch::Fetcher fetcher_;
};

class TestJob {
 public:
  explicit TestJob(uint32_t ranks, fetch::Fetcher::Options options = {}, uint32_t fanout = 2, uint32_t trees = 0,
                   uint64_t cache_budget = UINT64_MAX);
  ~TestJob();

  MemoryStore& store() { return store_; }
  FakeClock& clock() { return clock_; }
  LoopbackFabric& fabric() { return fabric_; }
  const tree::Forest& forest() const { return forest_; }
  TestNode& node(Rank rank) { return *nodes_[rank]; }
  uint32_t ranks() const { return forest_.ranks(); }

 private:
  FakeClock clock_;
  MemoryStore store_;
  storage::FileSystems file_systems_;
  tree::Forest forest_;
  LoopbackFabric fabric_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace copper::fakes

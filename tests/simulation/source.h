// The source, as a model of simulated time: one server for all ranks, and a storage::BackingStore for each, whose calls
// wait on fibers.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "copper/storage/backing_store.h"
#include "simulation/event_queue.h"
#include "simulation/fibers.h"
#include "simulation/file_tree.h"
#include "simulation/models.h"
#include "simulation/random.h"

namespace copper::simulation {

class SourceServer {
 public:
  SourceServer(const SourceModel& model, FileTree& tree, EventQueue& queue, Fibers& fibers, uint64_t seed)
      : model_(model), tree_(tree), queue_(queue), fibers_(fibers), random_(seed, 2) {}

  // What a rank sees of it. Outlives neither.
  std::unique_ptr<storage::BackingStore> Open(Host& host);

  // --- Faults.
  // Operations that begin from now on are over no earlier.
  void StallUntil(TimePoint until);
  // The next `count` calls about this name fail with EIO.
  void FailNext(NameId id, int count) {
    tree_.NoteErrs(id);
    failing_[id] += count;
  }

  // --- What was done there.
  struct Counts {
    uint64_t looks = 0, lists = 0, reads = 0;  // calls
    uint64_t operations = 0;                   // a call is one or more of these
    uint64_t bytes = 0;
    uint64_t most_at_once = 0;  // calls
    Duration longest{};         // call
    uint64_t objects = 0;       // different things that were asked for: names, listings, chunks, of one version each
    uint64_t again = 0;         // calls beyond one for each
    uint64_t most_of_one = 0;   // without the next
    // Looks at one directory: each time the absence of its names is over, its root looks whether it has changed.
    uint64_t most_looks_at_directory = 0;
  };
  const Counts& counts() const { return counts_; }
  // What was asked for most often, and by whom, for people.
  std::string most_asked() const;

  // Ends all calls at once, those that come included, with EIO; for the end of a simulation.
  void EndAll();

 private:
  class Store;
  class Call;

  void Operate(Host& host, uint64_t bytes = 0);
  void Release();
  Duration Latency();
  void Enter(Host& host, std::string_view doing, NameId id, uint64_t number);
  void Leave(Host& host);
  Status Fails(NameId id);

  const SourceModel model_;
  FileTree& tree_;
  EventQueue& queue_;
  Fibers& fibers_;
  Random random_;
  uint32_t busy_ = 0;
  std::deque<Work> waiting_;
  TimePoint pipe_{};  // is full until then
  TimePoint stalled_until_{};
  std::map<NameId, int> failing_;
  std::unordered_map<Rank, uint32_t> clients_;
  uint64_t inside_ = 0;
  bool is_ended_ = false;
  std::unordered_set<Fibers::Fiber*> held_;  // fibers that wait here: of the dead, too
  struct Asked {
    uint32_t times = 0;
    std::string by;  // whom, and when, in seconds
  };
  std::unordered_map<uint64_t, Asked> asked_;  // by object
  std::string most_asked_;
  Counts counts_;
};

}  // namespace copper::simulation

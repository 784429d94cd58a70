// The kernel of one node, and the processes on it that use the mount: a client of the Fetcher that replays a workload.
// What the kernel has seen it answers itself (names, attributes, absence for its time, pages), and nobody asks twice
// for what is being asked for: of all who will want the same the first one makes an event, the others none.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "copper/fetch/fetcher.h"
#include "copper/fetch/file_reader.h"
#include "simulation/checks.h"
#include "simulation/cores.h"
#include "simulation/event_queue.h"
#include "simulation/models.h"
#include "simulation/workload.h"

namespace copper::simulation {

// What all kernels of a job share: none of it changes while they run.
struct KernelParts {
  const KernelModel& model;
  const Workload& workload;
  EventQueue& queue;
  Cores& cores;
  Checks& checks;
};

class Kernel {
 public:
  Kernel(KernelParts parts, Host& host, fetch::Fetcher& fetcher, uint32_t processes);
  ~Kernel();
  Kernel(const Kernel&) = delete;

  // From now on nothing is asked of the daemon: the source is asked itself, on this pool, as without Copper.
  void GoDirect(storage::BackingStore& store, Executor& pool) { direct_ = {&store, &pool}; }
  // All processes begin, each within `within`.
  void Start(Duration within, Random& random);
  // Kills the processes; what they wait for is told to nobody.
  void Stop();

  Rank rank() const { return host_.rank(); }
  uint32_t left() const { return stopped_ ? 0 : left_; }  // processes that are not done
  std::optional<TimePoint> done_at() const { return done_at_; }
  size_t waiting() const { return waiting_requests_; }  // requests without an answer
  // The longest that a request took, and what it was.
  Duration longest() const { return longest_; }
  const std::string& longest_what() const { return longest_what_; }
  uint64_t requests() const { return requests_; }
  uint64_t source_errors() const { return source_errors_; }  // EIO, ESTALE: as they may be where the source errs

  // Breaks things, for tests of the checks: one answer has other bytes.
  void SpoilBytes() { spoils_ = true; }

 private:
  struct Process {
    uint32_t step = 0;
    TimePoint now{};           // may be ahead of the queue's: what the kernel answers takes no event
    uint64_t offset = 0;       // of a read
    bool has_thought = false;  // before this step
  };
  // What is asked of the daemon: of a read, one block.
  struct Asked {
    Doing doing;
    NameId id;
    uint32_t block = 0;
    bool operator==(const Asked&) const = default;
    auto operator<=>(const Asked&) const = default;
  };
  struct OpenFile;
  class Sink;
  class Pending;
  using Who = uint32_t;  // a process

  void Go(Who who);
  // Whether this process can go on at once; else it has been put where it is called again.
  bool Do(Who who, const Step& step);
  bool Know(Who who, NameId id);
  bool List(Who who, NameId id);
  bool Read(Who who, NameId id);
  bool IsKnown(NameId id, TimePoint now) const;
  void NoteAbsence(NameId id, TimePoint until);
  // Whether it is to ask for this now. Else it waits: for who asks before it, or for its own time, when it tries again.
  bool IsToAsk(Who who, const Asked& asked);
  // The time of who is to ask for this has come, unless another was before it.
  void OnTime(const Asked& asked, TimePoint when);
  uint64_t NextBlock(NameId id, uint64_t offset) const;

  // One request of the kernel, when the process's time has come.
  void Ask(const Asked& asked);
  void Send(const Asked& asked);
  // When so many bytes have been moved between daemon and page cache that may begin at `from`.
  TimePoint Moved(TimePoint from, uint64_t bytes);
  uint64_t BytesOf(const Asked& asked) const;
  void SendDirect(const Asked& asked, std::unique_ptr<Pending> pending);
  Result<fetch::Found> LookDirect(const Asked& asked) const;
  Result<fetch::Listed> ListDirect(const Asked& asked) const;
  Result<std::vector<Bytes>> ReadDirect(const Asked& asked) const;
  void OnLook(const Asked& asked, const Result<fetch::Found>& found);
  void OnList(const Asked& asked, const Result<fetch::Listed>& listed);
  void OnBlock(const Asked& asked, const Result<std::vector<Bytes>>& pieces);
  void OnAhead(NameId id, uint64_t offset, Bytes bytes, std::move_only_function<void()> taken);
  // Whether some of these pages are locked: a request for them is under way.
  bool IsLocked(const OpenFile& file, uint64_t offset, uint64_t size) const;
  void Store(NameId id);
  void CheckAttributes(NameId id, const Attributes* attributes);
  void CheckBytes(NameId id, const FileVersion& version, uint64_t offset, const Bytes& bytes);
  void NoteBlocks(NameId id, uint64_t offset, uint64_t size);
  void OnError(const Asked& asked, const Error& error);
  // Those that wait for this go on; with an error, after the step.
  void Wake(const Asked& asked, bool failed = false);
  void GoOn(Who who, bool failed);
  OpenFile& Open(NameId id);
  FileVersion VersionOf(NameId id) const;
  std::string Describe(const Asked& asked) const;

  // Bits of a name.
  static constexpr uint8_t kKnown = 1, kListed = 2, kRead = 4;

  const KernelParts parts_;
  Host& host_;
  fetch::Fetcher& fetcher_;
  std::vector<Process> processes_;
  std::vector<uint8_t> bits_;  // by name
  struct Absence {
    NameId id;
    TimePoint until;
  };
  std::vector<Absence> absent_;                            // by id
  std::unordered_map<NameId, FileVersion> other_version_;  // of files that were replaced: what this kernel has
  struct Waiting {
    TimePoint asks = kNever;  // when it is asked for
    bool is_asked = false;    // that was so
    Who first = 0;            // by whom
    std::vector<Who> others{};
  };
  std::map<Asked, Waiting> waiting_;
  std::unordered_map<NameId, std::unique_ptr<OpenFile>> open_;
  uint32_t left_;
  std::optional<TimePoint> done_at_;
  size_t waiting_requests_ = 0;
  Duration longest_{};
  std::string longest_what_;
  uint64_t requests_ = 0;
  uint64_t source_errors_ = 0;
  struct Direct {
    storage::BackingStore* store = nullptr;
    Executor* pool = nullptr;
  };
  Direct direct_;  // null: through Copper
  bool stopped_ = false;
  bool spoils_ = false;
};

}  // namespace copper::simulation

// Answers what a node needs to know of the source: from its tables, from its parent in the key's tree, or, at the root
// of that tree and where the parent is lost, from the backing store. The path of a request is drawn in src/README.md.
//
// Every call is asynchronous: `done` is called exactly once, at once in the caller's thread on a hit, else later by the
// progress thread or a pool thread; it must not block. No call blocks. Errors are the source's errno, ETIMEDOUT past
// the source's time (src/fetch/deadlines.h), ENOMEM. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/worker_pool.h"
#include "copper/cache/cache.h"
#include "copper/cache/epochs.h"
#include "copper/cache/shown.h"
#include "copper/names/attributes.h"
#include "copper/names/listing.h"
#include "copper/profile/counters.h"
#include "copper/profile/recorder.h"
#include "copper/rpc/channel.h"
#include "copper/rpc/contents.h"
#include "copper/storage/backing_store.h"
#include "copper/storage/file_systems.h"
#include "copper/tree/forest.h"

namespace copper::fetch {

// What a path is. `attributes` null: absent. The kernel may believe it until `valid_until` (kNever: for the job).
struct Found {
  std::shared_ptr<const Attributes> attributes;
  TimePoint valid_until = kNever;
  // A file of a pseudo file system: no two looks are the same file, nothing about it may be cached.
  bool live = false;
  // The listing of its directory, where that has answered; else null.
  ListingPtr listing{};
};

// A directory's names. Attributes in it are true for the job where `valid_until` is kNever, else for that long.
struct Listed {
  ListingPtr listing;
  TimePoint valid_until = kNever;
};

// One version of one file.
struct File {
  std::string path;
  FileVersion version;
  // What was shown of it so far to whom it was opened for (Fetcher::Open): so that he never sees parts of two versions,
  // whatever its times say. Null: for nobody in particular.
  std::shared_ptr<cache::Shown> shown{};
};

// Told when a directory was read again and had changed, so that the kernel can be told: `added` are the names that
// were absent before. Called by any thread; must not block.
// The kernel has been told what a refresh takes back; not `whole`: but for what it can't be told yet, since somebody
// waits there for a source that hangs. It is told later.
using Told = std::move_only_function<void(bool whole)>;

class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  virtual void OnDirectoryChanged(const std::string& path, const std::vector<std::string>& added) = 0;
  // A listing of this directory says that it is another one than was known at this path, which means that one from now
  // on.
  virtual void OnDirectoryReplaced(const std::string&, const Attributes&) {}
  // Whatever is known of this path and all below it is to be asked for again. `told` need not be called.
  virtual void OnRefreshed(const std::string& path, Told told);
};

using cache::RefreshId;

struct Ask;

class Fetcher final : public rpc::Handler {
 public:
  struct Options {
    Rank self = 0;
    Duration source_timeout = std::chrono::seconds(600);    // --source-timeout: how long its answer is waited for
    Duration absent_ttl = std::chrono::milliseconds(2000);  // --md-enoent-ttl-ms; Duration::max(): for the job
    Duration local_ttl = std::chrono::seconds(1);           // how long the kernel believes what is local
    uint64_t max_cacheable = UINT64_MAX;                    // larger files are read by each node from the source
    size_t lookup_list_limit = 8192;  // a lookup lists its directory unless it has more entries than this
    // Packed listings that are larger fail with ENOMEM, before memory is taken for them: what a node can hold at all.
    size_t listing_limit_bytes = size_t{1} << 31;
    std::function<std::string(Rank)> host_of{};  // for messages; may be empty. Any thread
  };
  struct Parts {  // all outlive the fetcher
    storage::BackingStore& store;
    const storage::FileSystems& file_systems;
    // Threads that read the source are what bounds the operations on it (--source-ops).
    Executor& pool;    // for the trees that are rooted here
    Executor& detour;  // for what of the shared source this node reads though it is not the root
    Executor& local;   // for what is this node's alone: no shared source keeps it waiting
    rpc::Channel& channel;
    const rpc::Keys& keys;  // of the job: they seal what is read from the source
    const tree::Forest& forest;
    cache::Cache& cache;
    profile::Counters& counters;
    const Clock& clock;
    Logger& log;
    profile::Recorder* recorder = nullptr;  // of what children ask for; null: not recorded
  };
  // What waits for another (the source, or a rank) for so long that people should know.
  struct LongWait {
    std::string doing;  // "reading"
    std::string path;
    std::string whom;  // "the source", "rank 3 on host"
    Duration waited;
  };
  // Told when a parent of this node is lost, and when it answers again. Any thread; must not block.
  using LossListener = std::function<void(Rank parent, bool lost)>;
  // Handles what is no business of fetch (kStatus, kStop, ...) in the daemon.
  using ControlHandler = std::function<void(Rank from, const rpc::Request&, rpc::Responder)>;

  Fetcher(Options options, Parts parts);
  ~Fetcher() override;

  void SetChangeListener(ChangeListener* listener);  // before Start of anything that asks
  void SetLossListener(LossListener listener);
  void SetControlHandler(ControlHandler handler);

  // `use` is the record of the request that this is asked for, if one is kept: its way is noted before `done` is
  // called.
  void Look(const std::string& path, std::move_only_function<void(Result<Found>)> done, profile::UsePtr use = {});
  void List(const std::string& path, std::move_only_function<void(Result<Listed>)> done, profile::UsePtr use = {});
  // The same for nobody's request, so counted nowhere: ETIMEDOUT at `until`.
  void LookAgain(const std::string& path, TimePoint until, std::move_only_function<void(Result<Found>)> done);
  void ListAgain(const std::string& path, TimePoint until, std::move_only_function<void(Result<Listed>)> done);
  // A file as one node of the kernel has it: what is read of it, by Read and ReadChunk, is of one version, and ESTALE
  // where that can't be had any more. Costs 24 bytes a chunk that is read.
  File Open(const std::string& path, const FileVersion& version);
  // Whether all that was read of an opened file is what the file is now: it is read again, asked for as a chunk is, for
  // nobody's request. ESTALE if not, or if that was more than 1 GiB; ETIMEDOUT at `until`, or past the source's time.
  void Compare(const File& file, TimePoint until, std::move_only_function<void(Status)> done);
  // The bytes of [offset, offset+size), cut at the end of the file, as the pieces of chunks that they lie in.
  void Read(const File& file, uint64_t offset, size_t size,
            std::move_only_function<void(Result<std::vector<Bytes>>)> done, profile::UsePtr use = {});
  // A whole chunk, ahead of who will want it: counted for nobody. `done` may be empty.
  void ReadChunk(const File& file, uint64_t chunk, std::move_only_function<void(Result<Bytes>)> done);
  // Tells that this node's kernel has these bytes now: a chunk that everyone has is kept no longer (except at the root
  // of its tree). Any thread.
  void NoteDelivered(const File& file, uint64_t offset, uint64_t size);
  // Whether chunks of this file are kept, so that fetching ahead makes sense.
  bool IsCacheable(const File& file) const;
  void Seek(const File& file, uint64_t offset, int whence, std::move_only_function<void(Result<uint64_t>)> done,
            profile::UsePtr use = {});
  void Statfs(const std::string& path, std::move_only_function<void(Result<StatFs>)> done, profile::UsePtr use = {});

  // A refresh in two passes: the second one goes out when every rank has made the first (copper/cache/epochs.h). These
  // look through the tables and call nobody but `told`: not for the progress thread.
  // Forgets a path and all below it, and keeps nothing of it until EndRefresh, or until `until`.
  void BeginRefresh(const RefreshId& id, const std::string& path, TimePoint until);
  // Tells the kernel; see ChangeListener::OnRefreshed for `told`. A rank that has missed the first pass makes it now.
  void EndRefresh(const RefreshId& id, const std::string& path, Told told);

  // The longest waits of 10 s and more, longest first.
  std::vector<LongWait> LongWaits(size_t most) const;

  // The server side: what children ask for.
  void Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) override;
  bool OnTick(TimePoint now) override;

 private:
  void Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond);
  void Forget(const std::string& path);
  void List(const std::string& path, const Ask& ask, std::move_only_function<void(Result<Listed>)> done);
  void LeaveOverdue(TimePoint now);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copper::fetch

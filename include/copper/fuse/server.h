// The FUSE front of one node: the kernel's requests in, replies out. Low-level libfuse; handlers never wait for the
// network: a miss is answered later, by whoever completes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "copper/base/caller_threads.h"
#include "copper/base/clock.h"
#include "copper/base/files_in_use.h"
#include "copper/base/log.h"
#include "copper/base/unique_fd.h"
#include "copper/fetch/fetcher.h"
#include "copper/profile/counters.h"
#include "copper/profile/recorder.h"

namespace copper::fuse {

// The files of `.copper/`: each is made anew at each lookup (status.json, cache_usage.json, ...).
using LiveFiles = std::map<std::string, std::function<std::string()>>;

class Server {
 public:
  // Answers what happened; an error's message is for the user. Any thread; must not block.
  // With the command's text; `done` with what to answer.
  using TextCommandHook =
      std::function<void(std::string text, std::move_only_function<void(Result<std::string>)> done)>;
  // How long after a refresh a kernel that can't expire names may take to know, at most: fuse/recheck.h.
  static constexpr Duration kMostRechecking = std::chrono::seconds(10);

  struct Options {
    int threads = 0;  // 0: auto
    // Memory for what the kernel knows (inodes), in bytes: beyond it the kernel is asked to forget what nobody uses.
    size_t node_budget_bytes = size_t{64} << 20;
    // Bytes that may wait to be stored into the page cache ahead of a mapping's page faults.
    size_t store_ahead_bytes = size_t{64} << 20;
    LiveFiles live_files;
    std::function<void()> on_stop_command;  // any thread; must not block
    TextCommandHook on_refresh_command;
    TextCommandHook on_snapshot_command;     // likewise
    profile::Recorder* recorder = nullptr;   // of requests; null: none is kept. With full paths READDIRPLUS is off
    std::shared_ptr<CallerThreads> callers;  // null: by /proc
    // What on this node uses the mount; null: not known, and older kernels are not asked to forget anything.
    std::shared_ptr<FilesInUse> in_use;
    // For tests: as on a kernel whose protocol is 7.N at most. What depends on it: src/fuse/notifier.h.
    uint32_t most_protocol_minor = UINT32_MAX;
    std::function<void()> on_unmounted;  // the mount went away without Stop; any thread; must not block
  };

  // Takes over the connection's descriptor (Mounter::Mount). Serves from Start to Stop.
  Server(Options options, UniqueFd connection, fetch::Fetcher& fetcher, profile::Counters& counters, const Clock& clock,
         Logger& log);
  ~Server();

  Status Start();
  // Refuses new requests, answers what is pending with an error, joins the threads, closes the connection. The mount
  // itself is the mounter's. Idempotent.
  void Stop();

  // What the kernel knows now, and the memory for it; node_budget_bytes bounds it, but for what is in use. Any thread.
  struct NodeUsage {
    size_t nodes = 0;
    size_t bytes = 0;
  };
  NodeUsage node_usage() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copper::fuse

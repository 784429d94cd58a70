#include "copper/fuse/server.h"

#include <algorithm>
#include <thread>

#include "handlers.h"
#include "inode_table.h"
#include "live_directory.h"
#include "notifier.h"
#include "pending_reply.h"
#include "session.h"

namespace copper::fuse {
namespace {

// Two threads: one answers while the other's reply wakes its caller. More were no faster on two cores.
int ThreadCount(int asked) {
  if (asked > 0) return asked;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 2U));
}

}  // namespace

struct Server::State {
  State(Options given, UniqueFd fd, fetch::Fetcher& fetching, profile::Counters& counters, const Clock& clock,
        Logger& logger)
      : options(std::move(given)),
        connection(std::move(fd)),
        fetcher(fetching),
        log(logger),
        inodes(options.node_budget_bytes),
        live(options.live_files),
        notifier(std::make_shared<Notifier>(options.store_ahead_bytes)),
        replies(std::make_shared<PendingReplies>(options.callers ? options.callers : std::make_shared<ProcThreads>(),
                                                 clock)),
        pruner(inodes, clock, notifier, options.in_use),
        handlers({fetcher, counters, clock, inodes, pruner, absent, live, streamed, notifier, replies,
                  options.on_stop_command, options.on_refresh_command, options.on_snapshot_command,
                  options.most_protocol_minor, options.recorder}) {}

  const Options options;
  UniqueFd connection;  // until Start
  fetch::Fetcher& fetcher;
  Logger& log;
  InodeTable inodes;
  cache::AbsentNames absent;
  const LiveDirectory live;
  StreamedListings streamed;
  const std::shared_ptr<Notifier> notifier;
  const std::shared_ptr<PendingReplies> replies;
  Pruner pruner;
  Handlers handlers;
  std::unique_ptr<Session> session;
};

Server::Server(Options options, UniqueFd connection, fetch::Fetcher& fetcher, profile::Counters& counters,
               const Clock& clock, Logger& log)
    : state_(std::make_unique<State>(std::move(options), std::move(connection), fetcher, counters, clock, log)) {
  fetcher.SetChangeListener(&state_->handlers);
}

Server::~Server() {
  Stop();
  state_->fetcher.SetChangeListener(nullptr);
}

Status Server::Start() {
  auto session = Session::Open(MakeOperations(), &state_->handlers, std::move(state_->connection));
  if (!session) return std::unexpected(session.error());
  state_->session = std::move(*session);
  state_->notifier->Start(state_->session->get());
  state_->replies->Start();
  return state_->session->Start(ThreadCount(state_->options.threads), state_->options.on_unmounted);
}

Server::NodeUsage Server::node_usage() const {
  return {state_->inodes.size(), state_->inodes.charge()};
}

// The order matters. While the notifier is told to end, a call of it may wait for a lock that a pending request holds:
// requests are still read, and answered with EIO, until it has ended. Answers that arrive later find the gate closed.
void Server::Stop() {
  if (!state_->session) {
    state_->connection.Reset();
    return;
  }
  state_->handlers.Refuse();
  state_->replies->Refuse();
  state_->notifier->Stop();
  state_->pruner.Stop();
  state_->session->Stop();
  if (state_->replies->Close(std::chrono::seconds(10))) {
    state_->session.reset();
  } else {
    // Somebody is in the middle of an answer, against all rules: better to leave the session than to pull it away.
    state_->log.Error("a reply to the kernel did not end in 10 s; the FUSE session is left open");
    static_cast<void>(state_->session.release());  // NOLINT(bugprone-unused-return-value)
  }
}

}  // namespace copper::fuse

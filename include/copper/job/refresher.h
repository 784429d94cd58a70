// `copper refresh`: the two passes of a refresh over all ranks (src/wire/README.md, "Refresh"). Any rank may lead one;
// the messages go down a tree of which it is the root.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "copper/base/awaited.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/base/worker_pool.h"
#include "copper/fetch/fetcher.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

// What a user means by a path, as the source has it: absolute below one of the mounts or below the target, or relative
// to the target, with or without a slash before it; empty is everything. EINVAL for what lies outside, ENAMETOOLONG.
Result<std::string> PathInSource(const std::string& given, const std::string& target,
                                 const std::vector<std::string>& mounts);

// What whoever refreshes this path should know of it, to follow what the job says: that the source (`target`, resolved)
// has no such name, or another one for what is meant; empty where there is nothing to tell. Blocks on the source.
std::string NoteOnName(const std::string& path, const std::string& target);

class Refresher {
 public:
  struct Parts {  // all outlive it
    rpc::Channel& channel;
    const tree::Forest& forest;  // of the job
    Executor& loop;              // where hooks are called
    Executor& source;            // may block on the source
    Executor& workers;           // may wait for that, for seconds,
    Wakeups& wakeups;            // in this way
    const Clock& clock;
    Logger& log;
    Duration telling{};  // how long a rank's kernel may take to be told
  };
  struct Tops {          // what a path that a user gives may lie below
    std::string target;  // resolved
    std::vector<std::string> mounts;
  };
  struct Hooks {  // of this rank; see fetch::Fetcher
    std::function<void(const fetch::RefreshId&, const std::string& path, TimePoint until)> begin;
    std::function<void(const fetch::RefreshId&, const std::string& path, fetch::Told told)> end;
  };
  using Done = std::move_only_function<void(Result<std::string>)>;

  Refresher(Rank self, Parts parts, Hooks hooks, Tops tops);

  // kRefresh of other ranks. The progress thread; does not block.
  void Handle(const rpc::Request& request, rpc::Responder respond);
  // Leads one, of what a user means by this path (PathInSource). `done` is called with what to say to the user, which
  // the log has, too, unless the path is refused: an error names the ranks that were not reached, and those where not
  // all could be; else with NoteOnName. In the loop, and `done`, too.
  void Refresh(const std::string& given, Done done);
  // The same of a path in the source, without a note or a line in the log. Any thread; `done` is called in the loop.
  void Lead(const std::string& path, Done done);

 private:
  struct Pass;
  struct Gathering;
  struct Leading;
  struct Answers {
    uint32_t reached = 0;
    std::vector<Rank> lost;
    std::vector<Rank> partly;  // reached, but their kernel could not be told all

    rpc::Reply Pack() const;
    void Add(const rpc::Reply& reply, uint32_t ranks);
  };
  using Gathered = std::move_only_function<void(const Answers&)>;
  using Note = std::shared_ptr<Awaited<std::string>>;

  // In the loop.
  void Tell(const Result<std::string>& outcome, Note note, Done done);
  void Ask(const Pass& pass, const std::vector<Rank>& ranks, bool here, Gathered done);
  void Call(const Pass& pass, Rank rank, const std::shared_ptr<Gathering>& gathering);
  void DoHere(const Pass& pass, const std::shared_ptr<Gathering>& gathering);
  void Round(const std::shared_ptr<Leading>& leading, const std::vector<Rank>& ranks, bool here);
  void OnRound(const std::shared_ptr<Leading>& leading, const Answers& answers);
  std::vector<Rank> Living(const Leading& leading) const;
  Duration Budget(const Pass& pass) const;
  static void Arrived(Gathering& gathering);

  const Rank self_;
  const Parts parts_;
  const Hooks hooks_;
  const Tops tops_;
  const tree::Forest everyone_;  // tree n has rank n as its root
  uint64_t last_ = 0;            // in the loop
};

}  // namespace copper::job

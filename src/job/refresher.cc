#include "copper/job/refresher.h"

#include <algorithm>
#include <span>

#include "copper/base/chunk_size.h"
#include "copper/base/log.h"
#include "job/rank_list.h"

namespace copper::job {
namespace {

// What a rank gives those below it for an answer: time for their kernel to be told, and for every level below.
constexpr auto kBase = std::chrono::seconds(3);
constexpr auto kPerLevel = std::chrono::milliseconds(250);
// When a rank makes the second pass by itself.
constexpr auto kUntil = std::chrono::seconds(60);
// For a look at the source, which may hang; it has all the time of a refresh before.
constexpr auto kNoteOnName = std::chrono::seconds(5);

std::string TellLost(const std::set<Rank>& lost) {
  if (lost.empty()) return "";
  return fmt::format(
      "; no answer from rank {}: what was cached there may still be seen, so refresh again when they answer (copper "
      "status shows who is lost)",
      fmt::join(lost, ", "));
}

std::string TellPartly(const std::set<Rank>& partly) {
  if (partly.empty()) return "";
  return fmt::format(
      "; on rank {} not yet in directories where somebody waits for a source that hangs: what was cached of these may "
      "still be seen until that is over, and then no more (copper status shows who waits)",
      fmt::join(partly, ", "));
}

Result<std::string> TellOutcome(const std::string& path, const std::set<Rank>& lost, const std::set<Rank>& partly,
                                uint32_t ranks) {
  if (lost.empty() && partly.empty())
    return fmt::format("refreshed {} on {} rank{}", path, ranks, ranks == 1 ? "" : "s");
  const std::string of = lost.empty() ? "" : fmt::format("{} of ", ranks - lost.size());
  return Fail(ETIMEDOUT,
              fmt::format("refreshed {} on {}{} ranks{}{}", path, of, ranks, TellLost(lost), TellPartly(partly)));
}

}  // namespace

struct Refresher::Pass {
  fetch::RefreshId id;
  bool end = false;
  std::string path;
};

// The answers to one pass that are still out.
struct Refresher::Gathering {
  size_t pending = 0;
  Answers answers;
  Gathered done;
};

struct Refresher::Leading {
  Pass pass;
  std::set<Rank> lost{};  // in either pass
  std::set<Rank> partly{};
  Done done{};
};

// How many of the ranks are lost stands above how many were reached.
rpc::Reply Refresher::Answers::Pack() const {
  constexpr size_t kMost = kChunkSize / 2;
  std::vector<std::byte> ranks = PackRanks(lost, kMost);
  const uint64_t told_lost = ranks.size() / sizeof(Rank);
  std::ranges::copy(PackRanks(partly, kMost), std::back_inserter(ranks));
  return {.argument = reached | told_lost << 32, .payload = Bytes::Copy(ranks)};
}

void Refresher::Answers::Add(const rpc::Reply& reply, uint32_t ranks) {
  reached += static_cast<uint32_t>(reply.argument);
  const std::span<const std::byte> payload = reply.payload.span();
  const size_t split = std::min<size_t>((reply.argument >> 32) * sizeof(Rank), payload.size());
  std::ranges::copy(UnpackRanks(payload.first(split), ranks), std::back_inserter(lost));
  std::ranges::copy(UnpackRanks(payload.subspan(split), ranks), std::back_inserter(partly));
}

Refresher::Refresher(Rank self, Parts parts, Hooks hooks, Tops tops)
    : self_(self),
      parts_(parts),
      hooks_(std::move(hooks)),
      tops_(std::move(tops)),
      everyone_(parts.forest.ranks(), parts.forest.fanout(), parts.forest.ranks()) {}

Duration Refresher::Budget(const Pass& pass) const {
  const Duration base = pass.end ? kBase + parts_.telling : kBase;
  return base + kPerLevel * (everyone_.MaxDepth() - everyone_.Depth(self_, pass.id.leader));
}

void Refresher::Handle(const rpc::Request& request, rpc::Responder respond) {
  const Rank leader = request.argument2;
  if (leader >= everyone_.ranks() || leader == self_) return respond({.error = EINVAL});
  const Pass pass{{leader, request.argument / 2}, request.argument % 2 != 0, request.path};
  parts_.loop.Submit([this, pass, respond = std::move(respond)]() mutable {
    Ask(pass, everyone_.Children(self_, pass.id.leader), true,
        [respond = std::move(respond)](const Answers& answers) mutable { respond(answers.Pack()); });
  });
}

void Refresher::Ask(const Pass& pass, const std::vector<Rank>& ranks, bool here, Gathered done) {
  const auto gathering = std::make_shared<Gathering>();
  gathering->pending = ranks.size() + 1;
  gathering->done = std::move(done);
  for (const Rank rank : ranks) Call(pass, rank, gathering);
  if (here) return DoHere(pass, gathering);
  Arrived(*gathering);
}

void Refresher::Call(const Pass& pass, Rank rank, const std::shared_ptr<Gathering>& gathering) {
  rpc::Request request;
  request.kind = rpc::Kind::kRefresh;
  request.path = pass.path;
  request.argument = pass.id.number * 2 + (pass.end ? 1 : 0);
  request.argument2 = pass.id.leader;
  parts_.channel.Call(rank, std::move(request), parts_.clock.Now() + Budget(pass),
                      [this, rank, gathering](Result<rpc::Reply> reply) {
                        parts_.loop.Submit([this, rank, gathering, reply = std::move(reply)] {
                          if (reply && reply->error == 0) {
                            gathering->answers.Add(*reply, everyone_.ranks());
                          } else {
                            gathering->answers.lost.push_back(rank);
                          }
                          Arrived(*gathering);
                        });
                      });
}

void Refresher::DoHere(const Pass& pass, const std::shared_ptr<Gathering>& gathering) {
  const auto arrived = [this, gathering](bool whole) {
    ++gathering->answers.reached;
    if (!whole) gathering->answers.partly.push_back(self_);
    Arrived(*gathering);
  };
  if (!pass.end) {
    hooks_.begin(pass.id, pass.path, parts_.clock.Now() + kUntil);
    return arrived(true);
  }
  hooks_.end(pass.id, pass.path, [this, arrived](bool whole) { parts_.loop.Submit([=] { arrived(whole); }); });
}

void Refresher::Arrived(Gathering& gathering) {
  if (--gathering.pending == 0) gathering.done(gathering.answers);
}

void Refresher::Refresh(const std::string& given, Done done) {
  const Result<std::string> path = PathInSource(given, tops_.target, tops_.mounts);
  if (!path) return done(std::unexpected(path.error()));
  const auto note = std::make_shared<Awaited<std::string>>(parts_.wakeups);
  parts_.source.Submit([note, path = *path, target = tops_.target] { note->Set(NoteOnName(path, target)); });
  Lead(*path, [this, note, done = std::move(done)](const Result<std::string>& outcome) mutable {
    Tell(outcome, note, std::move(done));
  });
}

void Refresher::Tell(const Result<std::string>& outcome, Note note, Done done) {
  if (!outcome) {
    parts_.log.Warning("{}", outcome.error().Describe());
    return done(outcome);
  }
  // Not in the loop, which may not wait.
  parts_.workers.Submit([this, note = std::move(note), outcome = *outcome, done = std::move(done)]() mutable {
    if (note->WaitUntil(parts_.clock.Now() + kNoteOnName)) outcome += note->Take();
    parts_.loop.Submit([this, outcome, done = std::move(done)]() mutable {
      parts_.log.Info("{}", outcome);
      done(outcome);
    });
  });
}

void Refresher::Lead(const std::string& path, Done done) {
  parts_.loop.Submit([this, path, done = std::move(done)]() mutable {
    const auto leading = std::make_shared<Leading>();
    leading->pass = {{self_, ++last_}, false, path};
    leading->done = std::move(done);
    Round(leading, Living(*leading), true);
  });
}

void Refresher::Round(const std::shared_ptr<Leading>& leading, const std::vector<Rank>& ranks, bool here) {
  Ask(leading->pass, ranks, here, [this, leading](const Answers& answers) { OnRound(leading, answers); });
}

void Refresher::OnRound(const std::shared_ptr<Leading>& leading, const Answers& answers) {
  leading->partly.insert(answers.partly.begin(), answers.partly.end());
  std::vector<Rank> below_lost;
  for (const Rank lost : answers.lost) {
    if (!leading->lost.insert(lost).second) continue;
    for (const Rank child : everyone_.Children(lost, self_)) below_lost.push_back(child);
  }
  if (!below_lost.empty()) return Round(leading, below_lost, false);
  if (leading->pass.end)
    return leading->done(TellOutcome(leading->pass.path, leading->lost, leading->partly, everyone_.ranks()));
  leading->pass.end = true;
  Round(leading, Living(*leading), true);
}

// Whom this rank has to ask itself in a new pass: its own children, and those of all that are known to be lost.
std::vector<Rank> Refresher::Living(const Leading& leading) const {
  std::vector<Rank> living = everyone_.Children(self_, self_);
  for (const Rank lost : leading.lost) std::ranges::copy(everyone_.Children(lost, self_), std::back_inserter(living));
  std::erase_if(living, [&](Rank rank) { return leading.lost.contains(rank); });
  return living;
}

}  // namespace copper::job

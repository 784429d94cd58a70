#include "copper/job/roll_call.h"

#include "copper/job/status_report.h"
#include "job/first_ranks.h"

namespace copper::job {
namespace {

constexpr auto kPingTime = std::chrono::seconds(1);
constexpr auto kTellDeadline = std::chrono::seconds(10);
// A rank without children has this long to tell its status; each level above has longer, by more than a ping takes.
constexpr auto kStatusTime = std::chrono::milliseconds(1500);
constexpr auto kStatusTimePerLevel = std::chrono::milliseconds(1200);

rpc::Request MakeRequest(rpc::Kind kind, uint64_t argument = 0) {
  rpc::Request request;
  request.kind = kind;
  request.argument = argument;
  return request;
}

uint64_t Milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

// One status request: the ranks that are still out. In the loop only.
struct RollCall::Collection {
  Json merged;
  Duration budget{};
  size_t pending = 0;
  std::move_only_function<void(Json)> done;

  void Finish() {
    if (--pending == 0) done(std::move(merged));
  }
};

RollCall::RollCall(Rank self, JobParts parts, Hooks hooks) : self_(self), parts_(parts), hooks_(std::move(hooks)) {}

void RollCall::Handle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  switch (request.kind) {
    case rpc::Kind::kUnmounted:
      respond({});
      return parts_.loop.Submit([this, from] { OnUnmounted(from); });
    case rpc::Kind::kStatus: {
      const auto budget = std::min<Duration>(std::chrono::milliseconds(request.argument), StatusBudget());
      return parts_.loop.Submit([this, budget, answer = std::move(respond)]() mutable {
        Begin(self_, budget, [answer = std::move(answer)](Json status) mutable {
          rpc::Reply reply;
          reply.payload = EncodeStatus(std::move(status));
          answer(std::move(reply));
        });
      });
    }
    default:
      respond({.error = ENOSYS, .version = {}, .payload = {}});
  }
}

// All of the first ranks keep count: whichever of them lives on ends the job.
void RollCall::TellUnmounted() {
  for (const Rank first : FirstRanks(parts_.forest.ranks())) {
    if (first == self_) {
      OnUnmounted(self_);
      continue;
    }
    parts_.channel.Call(first, MakeRequest(rpc::Kind::kUnmounted), parts_.clock.Now() + kTellDeadline,
                        [this, first](const Result<rpc::Reply>& reply) {
                          if (reply || reply.error().code == ESHUTDOWN) return;
                          parts_.log.Info("rank {} does not know that this mount is gone: {}", first,
                                          reply.error().Describe());
                        });
  }
}

void RollCall::OnUnmounted(Rank rank) {
  unmounted_.insert(rank);
  CheckUnmounted();
}

void RollCall::CheckUnmounted() {
  if (unmounted_.empty()) return;
  std::set<Rank> without_mount = unmounted_;
  for (const Rank lost : parts_.losses.All()) without_mount.insert(lost);
  if (without_mount.size() == parts_.forest.ranks()) hooks_.all_unmounted(*unmounted_.rbegin());
}

void RollCall::Ping(Rank rank, std::move_only_function<void(bool there)> done) {
  parts_.channel.Call(rank, MakeRequest(rpc::Kind::kPing), parts_.clock.Now() + kPingTime,
                      [this, rank, done = std::move(done)](const Result<rpc::Reply>& reply) mutable {
                        const bool there = reply && reply->error == 0;
                        if (there || reply || reply.error().code != ESHUTDOWN) parts_.losses.Note(rank, !there);
                        parts_.loop.Submit([done = std::move(done), there]() mutable { done(there); });
                      });
}

Duration RollCall::BudgetOf(Rank rank) const {
  return kStatusTime + kStatusTimePerLevel * (parts_.forest.MaxDepth() - parts_.forest.Depth(rank, 0));
}

void RollCall::CollectStatus(std::move_only_function<void(Json)> done) {
  Begin(parts_.forest.Root(0), StatusBudget(), std::move(done));
}

void RollCall::Begin(Rank top, Duration budget, std::move_only_function<void(Json)> done) {
  auto collection = std::make_shared<Collection>();
  collection->merged = EmptyStatus();
  collection->budget = budget;
  collection->done = std::move(done);
  collection->pending = 1;
  Collect(collection, top);
  collection->Finish();
}

void RollCall::Collect(const std::shared_ptr<Collection>& collection, Rank rank) {
  if (rank == self_) {
    MergeStatus(collection->merged, MergedStatus(hooks_.status()));
    return CollectBelow(collection, rank);
  }
  ++collection->pending;
  Ping(rank, [this, collection, rank](bool there) {
    if (there) return AskStatus(collection, rank);
    MergeUnreachable(collection->merged, rank);
    CollectBelow(collection, rank);
    collection->Finish();
  });
}

void RollCall::CollectBelow(const std::shared_ptr<Collection>& collection, Rank rank) {
  for (const Rank child : parts_.forest.Children(rank, 0)) Collect(collection, child);
}

void RollCall::AskStatus(const std::shared_ptr<Collection>& collection, Rank rank) {
  const Duration budget = std::min(collection->budget, BudgetOf(rank));
  parts_.channel.Call(rank, MakeRequest(rpc::Kind::kStatus, Milliseconds(budget - kStatusTimePerLevel / 4)),
                      parts_.clock.Now() + budget, [this, collection, rank](Result<rpc::Reply> reply) {
                        parts_.loop.Submit([this, collection, rank, reply = std::move(reply)] {
                          OnStatusReply(collection, rank, reply);
                        });
                      });
}

void RollCall::OnStatusReply(const std::shared_ptr<Collection>& collection, Rank rank,
                             const Result<rpc::Reply>& reply) {
  Result<Json> below = Fail(EIO);
  if (reply && reply->error == 0) below = DecodeStatus(reply->payload);
  if (below) {
    MergeStatus(collection->merged, *below);
  } else {
    MergeUnreachable(collection->merged, rank);
    CollectBelow(collection, rank);
  }
  collection->Finish();
}

}  // namespace copper::job

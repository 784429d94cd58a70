#include "app/peers.h"

#include <csignal>

#include "app/status.h"

namespace copper::app {
namespace {

enum StopArgument : uint64_t { kPlease = 0, kNow = 1 };

constexpr auto kStopDeadline = std::chrono::seconds(2);
constexpr auto kTellDeadline = std::chrono::seconds(10);
constexpr auto kStatusBase = std::chrono::milliseconds(1500);
constexpr auto kStatusPerLevel = std::chrono::milliseconds(250);

rpc::Request MakeRequest(rpc::Kind kind, uint64_t argument = 0, uint32_t argument2 = 0) {
  rpc::Request request;
  request.kind = kind;
  request.argument = argument;
  request.argument2 = argument2;
  return request;
}

// kStop's second argument: the reason below, who asked above.
constexpr unsigned kRankShift = 4;
uint32_t Pack(StopReason reason, Rank rank) {
  return static_cast<uint32_t>(reason) | (rank << kRankShift);
}
StopReason ReasonOf(uint32_t packed) {
  return static_cast<StopReason>(packed & ((1U << kRankShift) - 1));
}
Rank RankOf(uint32_t packed) {
  return packed >> kRankShift;
}

}  // namespace

std::string Describe(StopReason reason, Rank rank) {
  const std::string where = " on rank " + std::to_string(rank);
  switch (reason) {
    case StopReason::kRequest:
      return "asked to stop through the job directory";
    case StopReason::kSignal:
      return "SIGTERM, SIGINT or SIGHUP" + where;
    case StopReason::kIoctl:
      return "asked to stop through the mount" + where;
    case StopReason::kUnmounted:
      return "every mount was unmounted";
    case StopReason::kFailure:
      return "a failure" + where;
  }
  return "asked to stop" + where;
}

// One status request: the replies that are still out. In the loop only.
struct Peers::Collection {
  Json merged;
  size_t pending = 0;
  std::move_only_function<void(Json)> done;
};

Peers::Peers(Rank self, Parts parts, Hooks hooks) : self_(self), parts_(parts), hooks_(std::move(hooks)) {}

void Peers::Handle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  switch (request.kind) {
    case rpc::Kind::kStop:
      respond({});
      OnStop(from, request);
      return;
    case rpc::Kind::kUnmounted:
      respond({});
      parts_.loop.Submit([this, from] { OnUnmounted(from); });
      return;
    case rpc::Kind::kStatus: {
      const auto budget = std::min<Duration>(std::chrono::milliseconds(request.argument), StatusBudget());
      parts_.loop.Submit([this, budget, answer = std::move(respond)]() mutable {
        CollectStatus(budget, [answer = std::move(answer)](Json status) mutable {
          rpc::Reply reply;
          reply.payload = EncodeStatus(std::move(status));
          answer(std::move(reply));
        });
      });
      return;
    }
    default:
      respond({.error = ENOSYS, .version = {}, .payload = {}});
  }
}

void Peers::OnStop(Rank from, const rpc::Request& request) {
  const StopReason reason = ReasonOf(request.argument2);
  const Rank asked_by = request.argument == kNow ? RankOf(request.argument2) : from;
  const bool from_parent = parts_.forest.Parent(self_, 0).has_value();
  if (request.argument == kNow ? !from_parent : self_ != 0) return;  // only rank 0 gives orders, only to others
  Order(reason, asked_by);
}

void Peers::Order(StopReason reason, Rank asked_by) {
  if (ordered_.exchange(true)) return;
  for (const Rank child : parts_.forest.Children(self_, 0)) SendOrder(child, reason, asked_by);
  parts_.loop.Submit([this, reason, asked_by] { hooks_.end(reason, asked_by); });
}

void Peers::SendOrder(Rank to, StopReason reason, Rank asked_by) {
  const TimePoint deadline = parts_.clock.Now() + kStopDeadline;
  parts_.channel.Call(to, MakeRequest(rpc::Kind::kStop, kNow, Pack(reason, asked_by)), deadline,
                      [this, to, reason, asked_by](Result<rpc::Reply> reply) {
                        if (reply || reply.error().code == ESHUTDOWN) return;
                        parts_.log.Warning("rank {} does not answer the order to end: {}", to,
                                           reply.error().Describe());
                        for (const Rank below : parts_.forest.Children(to, 0)) SendOrder(below, reason, asked_by);
                      });
}

void Peers::RequestStop(StopReason reason) {
  if (self_ == 0) {
    Order(reason, self_);
    return;
  }
  parts_.channel.Call(0, MakeRequest(rpc::Kind::kStop, kPlease, Pack(reason, self_)),
                      parts_.clock.Now() + kStopDeadline, [this](Result<rpc::Reply> reply) {
                        if (reply || reply.error().code == ESHUTDOWN) return;
                        parts_.log.Warning("rank 0 does not answer, this rank ends alone: {}",
                                           reply.error().Describe());
                      });
  hooks_.end(reason, self_);
}

void Peers::TellUnmounted() {
  if (self_ == 0) {
    OnUnmounted(0);
    return;
  }
  parts_.channel.Call(
      0, MakeRequest(rpc::Kind::kUnmounted), parts_.clock.Now() + kTellDeadline, [this](Result<rpc::Reply> reply) {
        if (reply || reply.error().code == ESHUTDOWN) return;
        parts_.log.Warning("rank 0 does not know that this mount is gone: {}", reply.error().Describe());
      });
}

void Peers::OnUnmounted(Rank rank) {
  unmounted_.insert(rank);
  if (unmounted_.size() == parts_.forest.ranks()) Order(StopReason::kUnmounted, rank);
}

Duration Peers::StatusBudget() const {
  return kStatusBase + kStatusPerLevel * parts_.forest.MaxDepth();
}

void Peers::CollectStatus(Duration budget, std::move_only_function<void(Json)> done) {
  const std::vector<Rank> children = parts_.forest.Children(self_, 0);
  auto collection = std::make_shared<Collection>();
  collection->merged = MergedStatus(hooks_.status());
  collection->pending = children.size() + 1;
  collection->done = std::move(done);
  const auto below = std::max<Duration>(budget - kStatusPerLevel, kStatusPerLevel);
  const auto below_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(below).count());
  for (const Rank child : children) {
    parts_.channel.Call(child, MakeRequest(rpc::Kind::kStatus, below_ms), parts_.clock.Now() + below,
                        [this, collection, child](Result<rpc::Reply> reply) {
                          parts_.loop.Submit([this, collection, child, reply = std::move(reply)]() mutable {
                            OnStatusReply(collection, child, std::move(reply));
                          });
                        });
  }
  if (--collection->pending == 0) collection->done(std::move(collection->merged));
}

void Peers::OnStatusReply(const std::shared_ptr<Collection>& collection, Rank child, Result<rpc::Reply> reply) {
  Result<Json> below = Fail(EIO);
  if (reply && reply->error == 0) below = DecodeStatus(reply->payload);
  if (below) {
    MergeStatus(collection->merged, *below);
  } else {
    MergeUnreachable(collection->merged, child);
  }
  if (--collection->pending == 0) collection->done(std::move(collection->merged));
}

}  // namespace copper::app

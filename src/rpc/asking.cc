// The asking side: from Call to its outcome.
#include <algorithm>

#include "copper/base/chunk_size.h"
#include "copper/base/cursor.h"
#include "rpc/state.h"

namespace copper::rpc {
namespace {

constexpr std::string_view kNoName;

uint32_t RemainingMs(TimePoint now, TimePoint deadline) {
  if (deadline <= now) return 0;
  // Rounded down: the peer must not believe in more time than there is.
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<uint32_t>(std::min<int64_t>(left, UINT32_MAX));
}

wire::Header HeaderOf(const Request& request) {
  wire::Header header;
  header.kind = request.kind;
  header.version = request.version;
  header.ctime = request.ctime;
  header.argument = request.argument;
  header.argument2 = request.argument2;
  header.hops = request.hops;
  header.flags = request.as_root ? wire::kAsRoot : 0;
  return header;
}

// The reply that a message is; EBADMSG if it does not answer this kind of request.
Result<Reply> ParseReply(const wire::Header& header, Bytes payload, Kind asked) {
  Reply reply;
  reply.error = header.error;
  reply.flags = header.flags & static_cast<uint8_t>(~wire::kReply);
  reply.version = header.version;
  reply.ctime = header.ctime;
  reply.argument = header.argument;
  reply.argument2 = header.argument2;
  reply.from = header.origin;
  reply.seal = header.seal;
  reply.payload = std::move(payload);
  if (header.kind != asked) return Fail(EBADMSG);
  // Whoever asks for these checks seals; nobody else does.
  const bool may_be_sealed = asked == Kind::kRead || asked == Kind::kList;
  if ((header.flags & wire::kSealed) != 0 && !may_be_sealed) return Fail(EBADMSG);
  if ((header.flags & wire::kZeros) == 0) return reply;
  if (asked != Kind::kRead || !reply.payload.empty() || header.argument > kChunkSize) return Fail(EBADMSG);
  reply.payload = Bytes::Zeros(header.argument);
  return reply;
}

std::string PackIds(const std::vector<uint64_t>& ids) {
  std::string packed(ids.size() * sizeof(uint64_t), '\0');
  std::byte* next = std::as_writable_bytes(std::span(packed)).data();
  for (const uint64_t id : ids) {
    Put(next, id);
    next += sizeof(id);
  }
  return packed;
}

// As sites look for it in logs; empty for the kinds that no parent serves.
std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kLook:
      return "look";
    case Kind::kList:
      return "list";
    case Kind::kRead:
      return "read";
    default:
      return kNoName;
  }
}

}  // namespace

void FabricChannel::State::Call(Rank to, Request request, TimePoint deadline, Done done) {
  const auto pass = gate_.Enter();
  if (!pass) return done(Fail(ESHUTDOWN));
  if (const Status sound = CheckCall(to, request, deadline); !sound) return done(std::unexpected(sound.error()));
  ++pending_;
  Pending pending{HeaderOf(request), {}, deadline, std::move(done)};
  pending.path = Bytes::Copy(std::as_bytes(std::span(request.path)));
  Peer& peer = peers_.Get(to);
  peer.Add(std::move(pending));
  endpoint_.WantTicks();
  SendQueued(to, peer);
}

Status FabricChannel::State::CheckCall(Rank to, const Request& request, TimePoint deadline) const {
  if (to >= options_.ranks) return Fail(EINVAL);
  if (request.path.size() > wire::kMaxRequestPayload) return Fail(ENAMETOOLONG);
  if (!started_) return Fail(ENOTCONN);
  if (RemainingMs(clock_.Now(), deadline) == 0) return Fail(ETIMEDOUT);
  return {};
}

void FabricChannel::State::SendQueued(Rank to, Peer& peer) {
  if (!peer.ClaimSending()) return;
  while (std::optional<Outgoing> next = peer.NextToSend(clock_.Now())) SendRequest(to, *std::move(next));
}

void FabricChannel::State::SendRequest(Rank to, Outgoing outgoing) {
  wire::Header& header = outgoing.header;
  header.remaining_ms = RemainingMs(clock_.Now(), outgoing.deadline);
  if (header.remaining_ms == 0) {  // waited for credits until now
    if (auto pending = peers_.Get(to).Finish(header.request_id)) {
      ++counters_.timeouts;
      End(std::move(*pending), Fail(ETIMEDOUT));
    }
    return;
  }
  const uint64_t id = header.request_id;
  Transmit(to, header, std::move(outgoing.path), [state = weak_from_this(), to, id](const Status& sent) {
    if (sent) return;
    if (const auto self = state.lock()) self->OnSendFailed(to, id, sent.error());
  });
}

// May come after Stop, with nothing pending then.
void FabricChannel::State::OnSendFailed(Rank to, uint64_t request_id, const Error& error) {
  ++counters_.send_failures;
  Peer& peer = peers_.Get(to);
  std::optional<Pending> pending = peer.Finish(request_id);
  if (!pending) return;
  End(std::move(*pending), std::unexpected(error));
  SendQueued(to, peer);
}

void FabricChannel::State::OnReply(const wire::Header& header, Bytes payload) {
  if (AskedRank(header.request_id) != header.origin) return Reject(EPERM);
  Peer& peer = peers_.Get(header.origin);
  std::optional<Pending> pending = peer.Finish(header.request_id, header.credits);
  if (!pending) {
    ++counters_.late_replies;
    return;
  }
  Result<Reply> reply = ParseReply(header, std::move(payload), pending->header.kind);
  if (!reply) Reject(EBADMSG);
  if (reply && reply->error == 0) LogFirstSuccess(*pending);
  End(std::move(*pending), std::move(reply));
  SendQueued(header.origin, peer);
}

void FabricChannel::State::Inquire(Rank to, Duration age, TimePoint deadline, Done done) {
  const auto pass = gate_.Enter();
  if (!pass) return done(Fail(ESHUTDOWN));
  if (to >= options_.ranks) return done(Fail(EINVAL));
  std::vector<uint64_t> named = peers_.Get(to).SentBy(clock_.Now() - age);
  Request ping;
  ping.kind = Kind::kPing;
  ping.path = PackIds(named);
  Call(to, std::move(ping), deadline,
       [state = weak_from_this(), to, named = std::move(named), done = std::move(done)](Result<Reply> answer) mutable {
         const auto self = state.lock();
         if (self && answer && answer->error == 0) self->OnInquiry(to, named, answer->payload);
         done(std::move(answer));
       });
}

// Replies that are still on their way may be overtaken by this: then a request is asked for once more, in vain.
void FabricChannel::State::OnInquiry(Rank to, const std::vector<uint64_t>& named, const Bytes& known) {
  if (known.size() != (named.size() + 7) / 8) return Reject(EBADMSG);
  Peer& peer = peers_.Get(to);
  for (size_t i = 0; i < named.size(); ++i) {
    const bool works_on_it = (known.data()[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
    if (works_on_it) {
      peer.Park(named[i]);
    } else if (std::optional<Pending> pending = peer.Finish(named[i])) {
      ++counters_.unknown;
      End(std::move(*pending), Fail(ENOMSG));
    }
  }
  SendQueued(to, peer);
}

void FabricChannel::State::Expire(Peer& peer, TimePoint now) {
  std::vector<Pending> expired = peer.TakeExpired(now);
  if (expired.empty()) return;
  counters_.timeouts += expired.size();
  const Rank to = AskedRank(expired.front().header.request_id);
  for (Pending& pending : expired) End(std::move(pending), Fail(ETIMEDOUT));
  SendQueued(to, peer);
}

void FabricChannel::State::GiveUp(Rank to) {
  if (to >= options_.ranks) return;
  std::vector<Pending> all = peers_.Get(to).TakeAll();
  counters_.given_up += all.size();
  for (Pending& pending : all) End(std::move(pending), Fail(EHOSTDOWN));
}

void FabricChannel::State::End(Pending pending, Result<Reply> outcome) {
  --pending_;
  pending.done(std::move(outcome));
}

void FabricChannel::State::LogFirstSuccess(const Pending& pending) {
  const std::string_view name = NameOf(pending.header.kind);
  if (name == kNoName || logged_success_.exchange(true)) return;
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - start_time_);
  const std::string_view path(reinterpret_cast<const char*>(pending.path.data()), pending.path.size());
  log_.Info("first successful parent rpc_{} completed after {} us since provider startup; path={}", name, since.count(),
            path);
}

}  // namespace copper::rpc

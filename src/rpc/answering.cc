// The answering side: from an arriving request to the reply.
#include <algorithm>
#include <string_view>

#include "copper/base/cursor.h"
#include "rpc/state.h"

namespace copper::rpc {
namespace {

bool AsksForPath(Kind kind) {
  return kind == Kind::kLook || kind == Kind::kList || kind == Kind::kRead || kind == Kind::kSeek ||
         kind == Kind::kRefresh || kind == Kind::kReduce || kind == Kind::kSettle || kind == Kind::kCompare;
}

bool IsName(std::string_view part) {
  return !part.empty() && part != "." && part != "..";
}

// "/", or "/a/b" without anything in it that leads elsewhere: no path from the wire leaves the target.
bool IsPath(std::string_view path) {
  if (path == "/") return true;
  if (!path.starts_with('/') || path.contains('\0')) return false;
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (!IsName(path.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return !path.ends_with('/');
}

Request RequestOf(const wire::Header& header, std::string_view path) {
  return {.kind = header.kind,
          .path = std::string(path),
          .version = header.version,
          .ctime = header.ctime,
          .argument = header.argument,
          .argument2 = header.argument2,
          .hops = header.hops,
          .as_root = (header.flags & wire::kAsRoot) != 0};
}

// Holes travel as a count, and nothing travels that the other side would have to reject.
void MakeSendable(Reply& reply) {
  if ((reply.flags & wire::kZeros) != 0) {
    if (!reply.payload.empty()) reply.argument = reply.payload.size();
    reply.payload = {};
  }
  if (reply.payload.size() > wire::kMaxPayload) reply = {.error = EMSGSIZE};
  if (reply.error < 0 || reply.error > 4095) reply.error = EIO;
  if ((reply.flags & wire::kSealed) == 0) reply.seal = {};
}

}  // namespace

// A request that is being served, in the sight of who asks after it: until its reply is on its way, or failed to be.
class FabricChannel::State::Served {
 public:
  Served(std::weak_ptr<State> state, Rank origin, uint64_t request_id)
      : state_(std::move(state)), origin_(origin), request_id_(request_id) {}
  ~Served() {
    if (const auto state = state_.lock()) state->peers_.Get(origin_).EndServing(request_id_);
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

 private:
  const std::weak_ptr<State> state_;
  const Rank origin_;
  const uint64_t request_id_;
};

void FabricChannel::State::OnRequest(const wire::Header& header, const Bytes& payload) {
  const std::string_view path(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (AsksForPath(header.kind) && !IsPath(path)) return Reject(EBADMSG);
  if (header.kind == Kind::kPing) return AnswerPing(header, payload);
  switch (peers_.Get(header.origin).BeginServing(header.request_id, 2 * kMostPerCredit * options_.credits)) {
    case Peer::Admission::kTaken:
      break;
    case Peer::Admission::kKnown:  // it has come twice: one answer is enough
      return;
    case Peer::Admission::kFull:
      ++counters_.refused;
      return SendReply(header, {.error = EAGAIN});
  }
  const TimePoint deadline = clock_.Now() + std::chrono::milliseconds(header.remaining_ms);
  Responder respond([state = weak_from_this(), header](Reply reply) {
    if (const auto self = state.lock()) self->Answer(header, std::move(reply));
  });
  handler_->Handle(header.origin, RequestOf(header, path), deadline, std::move(respond));
}

void FabricChannel::State::AnswerPing(const wire::Header& header, const Bytes& payload) {
  if (payload.size() % sizeof(uint64_t) != 0) return Reject(EBADMSG);
  std::vector<uint64_t> named(payload.size() / sizeof(uint64_t));
  for (size_t i = 0; i < named.size(); ++i) named[i] = Get<uint64_t>(payload.data() + i * sizeof(uint64_t));
  SendReply(header, {.payload = Bytes::Copy(peers_.Get(header.origin).AreServed(named))});
}

// Any thread, at any time: after Stop it does nothing.
void FabricChannel::State::Answer(const wire::Header& request, Reply reply) {
  const auto pass = gate_.Enter();
  if (!pass) return;
  auto served = std::make_shared<Served>(weak_from_this(), request.origin, request.request_id);
  SendReply(request, std::move(reply), std::move(served));
}

void FabricChannel::State::SendReply(const wire::Header& request, Reply reply, std::shared_ptr<Served> served) {
  MakeSendable(reply);
  wire::Header header;
  header.kind = request.kind;
  header.flags = reply.flags | wire::kReply;
  header.request_id = request.request_id;
  header.hops = request.hops;
  header.credits = options_.credits;
  header.error = reply.error;
  header.version = reply.version;
  header.ctime = reply.ctime;
  header.argument = reply.argument;
  header.argument2 = reply.argument2;
  header.seal = reply.seal;
  Transmit(request.origin, header, std::move(reply.payload),
           [state = weak_from_this(), served = std::move(served)](const Status& sent) mutable {
             served.reset();
             if (sent) return;
             if (const auto self = state.lock()) ++self->counters_.send_failures;
           });
}

}  // namespace copper::rpc

// The answering side: from an arriving request to the reply.
#include <algorithm>
#include <string_view>

#include "copper/base/attempt.h"
#include "rpc/state.h"

namespace copper::rpc {
namespace {

bool AsksForPath(Kind kind) {
  return kind == Kind::kLook || kind == Kind::kList || kind == Kind::kRead || kind == Kind::kSeek ||
         kind == Kind::kRefresh || kind == Kind::kReduce;
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
          .tree = header.tree,
          .path = std::string(path),
          .version = header.version,
          .ctime = header.ctime,
          .argument = header.argument,
          .argument2 = header.argument2,
          .hops = header.hops,
          .attempt = header.attempt};
}

// Holes travel as a count, and nothing travels that the other side would have to reject.
void MakeSendable(Reply& reply) {
  if ((reply.flags & wire::kZeros) != 0) {
    if (!reply.payload.empty()) reply.argument = reply.payload.size();
    reply.payload = {};
  }
  if (reply.payload.size() > wire::kMaxPayload) reply = {.error = EMSGSIZE};
  if (reply.error < 0 || reply.error > 4095) reply.error = EIO;
}

}  // namespace

void FabricChannel::State::OnRequest(const wire::Header& header, const Bytes& payload) {
  const std::string_view path(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (AsksForPath(header.kind) && !IsPath(path)) return Reject(EBADMSG);
  if (header.kind == Kind::kPing) return SendReply(header, {});
  if (!peers_.Get(header.origin).BeginServing(2 * uint32_t{options_.credits})) {
    ++counters_.refused;
    return SendReply(header, {.error = EAGAIN});
  }
  const TimePoint deadline = clock_.Now() + std::chrono::milliseconds(header.remaining_ms);
  bool has_responder = false;  // which answers, whatever happens
  const Status handled = Attempt([&] {
    Request request = RequestOf(header, path);
    Responder respond([state = weak_from_this(), header](Reply reply) {
      if (const auto self = state.lock()) self->Answer(header, std::move(reply));
    });
    has_responder = true;
    handler_->Handle(header.origin, std::move(request), deadline, std::move(respond));
  });
  if (!handled && !has_responder) Answer(header, {.error = ENOMEM});
}

// Any thread, at any time: after Stop it does nothing.
void FabricChannel::State::Answer(const wire::Header& request, Reply reply) {
  const auto pass = gate_.Enter();
  if (!pass) return;
  // Before the reply goes: the peer may use the credit as soon as it has it.
  peers_.Get(request.origin).EndServing();
  SendReply(request, std::move(reply));
}

void FabricChannel::State::SendReply(const wire::Header& request, Reply reply) {
  MakeSendable(reply);
  wire::Header header;
  header.kind = request.kind;
  header.flags = reply.flags | wire::kReply;
  header.tree = request.tree;
  header.request_id = request.request_id;
  header.sequence = peers_.Get(request.origin).NextSequence();
  header.attempt = request.attempt;
  header.hops = request.hops;
  header.credits = options_.credits;
  header.error = reply.error;
  header.version = reply.version;
  header.ctime = reply.ctime;
  header.argument = reply.argument;
  header.argument2 = reply.argument2;
  Transmit(request.origin, header, std::move(reply.payload), [state = weak_from_this()](const Status& sent) {
    if (sent) return;
    if (const auto self = state.lock()) ++self->counters_.send_failures;
  });
}

}  // namespace copper::rpc

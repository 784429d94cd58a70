// Requests with deadlines between ranks: matching of replies, credits, the server side.
//
// A request gets exactly one outcome: a reply (which may carry the peer's errno), or an error of the way there:
// ETIMEDOUT (the deadline passed), EHOSTDOWN (given up), ENOMSG (the peer does not know it, or not any more: the
// request or its reply was lost), ESHUTDOWN (closing), or what the fabric said. Late and unknown replies are dropped.
//
// Credits: each peer allows a number of requests of ours under way at once and tells it in every reply; what exceeds
// it waits here, first come first served, with its deadline running. A request that the peer has said it works on
// (Inquire) holds none, so that a source that stalls does not hold up what is read elsewhere, up to kMostPerCredit
// times the credits. A peer that has more than twice that here gets EAGAIN. kPing needs no credit, overtakes what
// waits, and is answered by the peer's channel itself, at once. Lock: one per peer, held for bookkeeping only, never
// across a callback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/base/seal.h"
#include "copper/fabric/endpoint.h"
#include "copper/wire/header.h"
#include "copper/wire/keys.h"

namespace copper::rpc {

using wire::Kind;
using wire::kMaxPayload;         // of a reply, bytes
using wire::kMaxRequestPayload;  // of a request

struct Request {
  Kind kind = Kind::kLook;
  std::string path{};
  FileVersion version{};
  FileTime ctime{};  // of the file that `version` is of, beside it: versions are compared without
  uint64_t argument = 0;
  uint32_t argument2 = 0;
  uint16_t hops = 0;     // this one included: 1 from the leaf, then 1 more each time it is passed on
  bool as_root = false;  // whoever is asked reads the source in the root's place, and asks nobody for it
};

struct Reply {
  int error = 0;      // the peer's errno
  uint8_t flags = 0;  // wire::Flags; kReply is the channel's business
  FileVersion version{};
  FileTime ctime{};  // of the file that `version` is of, beside it: versions are compared without
  uint64_t argument = 0;
  uint32_t argument2 = 0;  // how long this is true, in ms; UINT32_MAX: for the job
  Seal seal{};             // with kSealed; not checked yet (copper/wire/keys.h)
  Rank from = 0;           // who answered: set by the channel
  // With kZeros none is sent: the asking side gets `argument` zero bytes here (a payload given to a Responder says how
  // many), so that a reply can be passed on as it came.
  Bytes payload{};
};

inline Reply ErrorReply(const Error& error) {
  return {.error = error.code};
}

// Answers one request, once, from any thread; dropped unanswered, it answers EIO. Harmless after the channel's
// end.
class Responder {
 public:
  using Send = std::move_only_function<void(Reply)>;
  explicit Responder(Send send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&&) = delete;
  ~Responder();
  void operator()(Reply reply);

 private:
  Send send_;
};

// The server side. Called by the progress thread: must not block.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void Handle(Rank from, Request request, TimePoint deadline, Responder respond) = 0;
  // About every 100 ms while ticks are wanted (Channel::WantTicks); returns whether they still are. `now` is the
  // channel's clock.
  virtual bool OnTick(TimePoint now) = 0;
};

// What fetch sees of the other ranks.
class Channel {
 public:
  using Done = std::move_only_function<void(Result<Reply>)>;
  virtual ~Channel() = default;
  // Any thread; never blocks. `done` is called once and must not block: by the progress thread or, for a failure at
  // once, by a thread that is in Call; a request that still waits when the channel stops, by Stop's.
  // At once: EINVAL (no such rank), ENAMETOOLONG, ENOTCONN (not started), ETIMEDOUT (under a millisecond left),
  // ESHUTDOWN (stopped).
  virtual void Call(Rank to, Request request, TimePoint deadline, Done done) = 0;
  // A ping that names what we have asked of the source there (kLook to kSeek) at least `age` ago, and waits still: what
  // the rank does not know ends with ENOMSG. `done` as for Call, with the answer to the ping.
  virtual void Inquire(Rank to, Duration age, TimePoint deadline, Done done);
  // Ends every request that is pending at this rank with EHOSTDOWN: for who knows that waiting for their deadlines is
  // in vain. Any thread, also a callback; calls the `done` of each. Later calls are sent as ever.
  virtual void GiveUp(Rank to) = 0;
  // Asks for Handler::OnTick calls. Any thread; cheap when ticks are on already.
  virtual void WantTicks() = 0;
};

struct ChannelCounters {
  uint64_t sent = 0, received = 0;                         // messages
  uint64_t bytes_sent = 0, bytes_received = 0;             // payload
  uint64_t rejected_unparsable = 0, rejected_foreign = 0;  // counted and dropped
  uint64_t rejected_replayed = 0;                          // likewise
  uint64_t refused = 0;                                    // requests beyond what a peer may have here: EAGAIN
  uint64_t unknown = 0;                                    // requests that their peer did not know when it was asked
  uint64_t timeouts = 0, late_replies = 0, send_failures = 0, given_up = 0;
  uint64_t unfinished = 0;  // messages that began some 10 s ago or longer and have not ended: now, not in all
};

class FabricChannel final : public Channel {
 public:
  struct Options {
    Rank self = 0;
    uint32_t ranks = 1;
    wire::Keys keys;        // of the job; ranks of one process may share them
    uint16_t credits = 64;  // granted to each peer
  };
  // All references outlive the channel.
  FabricChannel(Options options, fabric::Endpoint& endpoint, const Clock& clock, Logger& log);
  ~FabricChannel() override;

  // The endpoint must be connected.
  void Start(Handler& handler);
  // Stops the endpoint and ends every pending request with ESHUTDOWN. Idempotent. Not from a callback of the channel.
  void Stop();

  void Call(Rank to, Request request, TimePoint deadline, Done done) override;
  void Inquire(Rank to, Duration age, TimePoint deadline, Done done) override;
  void GiveUp(Rank to) override;
  void WantTicks() override;
  ChannelCounters counters() const;
  const wire::Keys& keys() const;  // of this job

 private:
  class State;
  // Shared with responders and sends under way, which may outlive the channel.
  std::shared_ptr<State> state_;
};

}  // namespace copper::rpc

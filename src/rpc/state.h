// What a channel is made of. The asking side is in asking.cc, the answering one in answering.cc.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "copper/base/gate.h"
#include "rpc/peer.h"

namespace copper::rpc {

struct AtomicCounters {
  std::atomic<uint64_t> sent{0}, received{0}, bytes_sent{0}, bytes_received{0}, rejected_unparsable{0},
      rejected_foreign{0}, rejected_replayed{0}, refused{0}, unknown{0}, timeouts{0}, late_replies{0}, send_failures{0},
      given_up{0};

  ChannelCounters Snapshot() const;
};

class FabricChannel::State final : public fabric::Receiver, public std::enable_shared_from_this<FabricChannel::State> {
 public:
  State(Options options, fabric::Endpoint& endpoint, const Clock& clock, Logger& log);

  void Start(Handler& handler);
  void Stop();

  void Call(Rank to, Request request, TimePoint deadline, Done done);
  void Inquire(Rank to, Duration age, TimePoint deadline, Done done);
  void GiveUp(Rank to);
  void WantTicks();
  void OnArrival(fabric::Arrival arrival) override;
  bool OnTick(TimePoint now) override;

  ChannelCounters counters();
  const wire::Keys& keys() const { return options_.keys; }

 private:
  // channel.cc
  void Transmit(Rank to, wire::Header header, Bytes payload, fabric::Endpoint::SendDone done);
  void Reject(int reason);
  bool IsReplay(const wire::Header& header);

  // asking.cc
  Status CheckCall(Rank to, const Request& request, TimePoint deadline) const;
  void SendQueued(Rank to, Peer& peer);
  void SendRequest(Rank to, Outgoing outgoing);
  void OnSendFailed(Rank to, uint64_t request_id, const Error& error);
  void OnReply(const wire::Header& header, Bytes payload);
  void OnInquiry(Rank to, const std::vector<uint64_t>& named, const Bytes& known);
  void Expire(Peer& peer, TimePoint now);
  void End(Pending pending, Result<Reply> outcome);
  void LogFirstSuccess(const Pending& pending);

  // answering.cc
  void OnRequest(const wire::Header& header, const Bytes& payload);
  void AnswerPing(const wire::Header& header, const Bytes& payload);
  class Served;
  // `served` ends when the reply is on its way.
  void SendReply(const wire::Header& request, Reply reply, std::shared_ptr<Served> served = nullptr);
  void Answer(const wire::Header& request, Reply reply);

  const Options options_;
  // The first three are the owner's and may be gone after Stop; the gate keeps whoever comes late from them.
  fabric::Endpoint& endpoint_;
  const Clock& clock_;
  Logger& log_;
  Gate gate_;  // entered by other threads than the progress thread, which Stop joins
  std::once_flag stop_;

  // Set by Start, before the progress thread begins.
  Handler* handler_ = nullptr;
  TimePoint start_time_;
  std::atomic<bool> started_{false};

  PeerTable peers_;
  std::atomic<size_t> pending_{0};  // requests without outcome
  std::atomic<bool> handler_wants_ticks_{false};
  std::atomic<bool> logged_success_{false}, logged_unparsable_{false}, logged_foreign_{false}, logged_replayed_{false};
  AtomicCounters counters_;
};

}  // namespace copper::rpc

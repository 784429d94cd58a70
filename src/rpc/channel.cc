#include "copper/rpc/channel.h"

#include <algorithm>

#include "rpc/state.h"

namespace copper::rpc {
namespace {

// Nothing inside the gate waits for anything: this is over only if a callback breaks its contract.
constexpr auto kStopTimeout = std::chrono::seconds(10);

// With no credits, nobody could ever ask anything.
FabricChannel::Options Sound(FabricChannel::Options options) {
  options.credits = std::max<uint16_t>(options.credits, 1);
  return options;
}

}  // namespace

ChannelCounters AtomicCounters::Snapshot() const {
  return {.sent = sent,
          .received = received,
          .bytes_sent = bytes_sent,
          .bytes_received = bytes_received,
          .rejected_unparsable = rejected_unparsable,
          .rejected_foreign = rejected_foreign,
          .rejected_replayed = rejected_replayed,
          .refused = refused,
          .unknown = unknown,
          .timeouts = timeouts,
          .late_replies = late_replies,
          .send_failures = send_failures,
          .given_up = given_up};
}

FabricChannel::State::State(Options options, fabric::Endpoint& endpoint, const Clock& clock, Logger& log)
    : options_(Sound(std::move(options))), endpoint_(endpoint), clock_(clock), log_(log), peers_(options_.credits) {}

void FabricChannel::State::Start(Handler& handler) {
  handler_ = &handler;
  start_time_ = clock_.Now();
  started_ = true;
  endpoint_.Start(*this);
}

void FabricChannel::State::Stop() {
  std::call_once(stop_, [this] {
    if (!gate_.Close(kStopTimeout)) log_.Error("a thread is still sending at the channel's end; stopping without it");
    if (started_) endpoint_.Stop();
    for (Peer* peer : peers_.All()) {
      for (Pending& pending : peer->TakeAll()) End(std::move(pending), Fail(ESHUTDOWN));
    }
  });
}

ChannelCounters FabricChannel::State::counters() {
  ChannelCounters counters = counters_.Snapshot();
  const auto pass = gate_.Enter();
  if (pass) counters.unfinished = endpoint_.unfinished();
  return counters;
}

void FabricChannel::State::WantTicks() {
  const auto pass = gate_.Enter();
  if (!pass) return;
  handler_wants_ticks_ = true;
  endpoint_.WantTicks();
}

bool FabricChannel::State::OnTick(TimePoint /*now*/) {
  const TimePoint now = clock_.Now();  // deadlines are on the channel's clock
  for (Peer* peer : peers_.All()) Expire(*peer, now);
  // Taken back first: a wish that comes during the handler's tick must not be lost.
  if (handler_wants_ticks_.exchange(false) && handler_->OnTick(now)) handler_wants_ticks_ = true;
  return handler_wants_ticks_ || pending_ > 0;
}

void FabricChannel::State::Transmit(Rank to, wire::Header header, Bytes payload, fabric::Endpoint::SendDone done) {
  header.job = options_.keys.job();
  header.origin = options_.self;
  header.to = to;
  header.sequence = peers_.Get(to).NextSequence();  // last of all: whoever is numbered is on its way
  ++counters_.sent;
  counters_.bytes_sent += payload.size();
  std::vector<std::byte> head = wire::Encode(header, payload.span(), options_.keys);
  endpoint_.Send(to, {std::move(head), std::move(payload)}, std::move(done));
}

void FabricChannel::State::OnArrival(fabric::Arrival arrival) {
  const Result<wire::Header> header = wire::Decode(arrival.head, arrival.payload.span(), options_.keys);
  if (!header) return Reject(header.error().code);
  if (header->origin >= options_.ranks || header->to != options_.self) return Reject(EPERM);
  if (IsReplay(*header)) return;
  ++counters_.received;
  counters_.bytes_received += arrival.payload.size();
  if (header->IsReply()) {
    OnReply(*header, std::move(arrival.payload));
  } else {
    OnRequest(*header, arrival.payload);
  }
}

// Whoever repeats what he has recorded starts nothing twice.
bool FabricChannel::State::IsReplay(const wire::Header& header) {
  if (peers_.Get(header.origin).TakeOnce(header.sequence)) return false;
  ++counters_.rejected_replayed;
  if (!logged_replayed_.exchange(true)) {
    log_.Warning("dropped a message of rank {} that has come before; others are only counted", header.origin);
  }
  return true;
}

void FabricChannel::State::Reject(int reason) {
  if (reason == EPERM) {
    ++counters_.rejected_foreign;
    if (!logged_foreign_.exchange(true)) {
      log_.Warning(
          "dropped a message that is not of this job, or not from where it should come; others are only counted");
    }
  } else {
    ++counters_.rejected_unparsable;
    if (!logged_unparsable_.exchange(true)) {
      log_.Warning("dropped a message that is not of wire version {}; others are only counted", wire::kVersion);
    }
  }
}

FabricChannel::FabricChannel(Options options, fabric::Endpoint& endpoint, const Clock& clock, Logger& log)
    : state_(std::make_shared<State>(std::move(options), endpoint, clock, log)) {}

FabricChannel::~FabricChannel() {
  Stop();
}

void FabricChannel::Start(Handler& handler) {
  state_->Start(handler);
}

void FabricChannel::Stop() {
  state_->Stop();
}

void FabricChannel::Call(Rank to, Request request, TimePoint deadline, Done done) {
  state_->Call(to, std::move(request), deadline, std::move(done));
}

// Where no requests are kept none is named.
void Channel::Inquire(Rank to, Duration /*age*/, TimePoint deadline, Done done) {
  Call(to, {.kind = Kind::kPing}, deadline, std::move(done));
}

void FabricChannel::Inquire(Rank to, Duration age, TimePoint deadline, Done done) {
  state_->Inquire(to, age, deadline, std::move(done));
}

void FabricChannel::GiveUp(Rank to) {
  state_->GiveUp(to);
}

void FabricChannel::WantTicks() {
  state_->WantTicks();
}

const wire::Keys& FabricChannel::keys() const {
  return state_->keys();
}

ChannelCounters FabricChannel::counters() const {
  return state_->counters();
}

}  // namespace copper::rpc

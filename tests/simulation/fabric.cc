#include "simulation/fabric.h"

#include <algorithm>

namespace copper::simulation {
namespace {

// As the real endpoint has it (copper/fabric/endpoint.h).
constexpr auto kTick = milliseconds(100);

Duration Scaled(Duration time, double by) {
  return by == 1 ? time : Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) * by));
}

}  // namespace

struct SimulatedFabric::Message {
  Rank from, to;
  TimePoint sent;
  fabric::Datagram datagram;
};

class SimulatedFabric::Link final : public fabric::Endpoint {
 public:
  Link(SimulatedFabric& fabric, Host& host) : fabric_(fabric), host_(host) {
    for (unsigned shift = 0; shift < 32; shift += 8) address_.push_back(std::byte(host.rank() >> shift & 0xff));
  }

  const fabric::Address& address() const override { return address_; }
  std::string DescribeAddress(const fabric::Address&) const override { return "simulated"; }
  std::string provider() const override { return std::string(fabric_.model_.name); }
  Status Connect(std::span<const fabric::Address>) override { return {}; }

  void Start(fabric::Receiver& receiver) override { receiver_ = &receiver; }
  void Stop() override { receiver_ = nullptr; }

  void Send(Rank to, fabric::Datagram datagram, SendDone done) override {
    const TimePoint now = fabric_.queue_.Now();
    if (receiver_ == nullptr) return done(Fail(ESHUTDOWN));
    Link& other = *fabric_.links_[to];
    if ((other.host_.is_dead() && fabric_.dead_refuse_) || fabric_.IsReset(host_.rank(), to)) {
      fabric_.queue_.At(now + 2 * fabric_.model_.latency, What::kSent, host_,
                        [done = std::move(done)]() mutable { done(Fail(ECONNRESET)); });
      return;
    }
    const size_t bytes = datagram.payload.size();
    ++traffic_.messages_sent;
    traffic_.bytes_sent += bytes;
    NotePeer(to);
    Work(fabric_.Handling(bytes, /*received=*/false));
    sends_ = std::max(sends_, free_) + fabric_.OnLink(bytes);
    fabric_.queue_.At(sends_, What::kSent, host_, [done = std::move(done)]() mutable { done({}); });
    fabric_.Carry(std::make_unique<Message>(host_.rank(), to, now, std::move(datagram)));
  }

  void WantTicks() override {
    if (std::exchange(ticking_, true)) return;
    ScheduleTick();
  }

 private:
  friend class SimulatedFabric;

  void ScheduleTick() {
    fabric_.queue_.After(kTick, What::kTick, host_, [this] {
      ticking_ = receiver_ != nullptr && receiver_->OnTick(fabric_.queue_.Now());
      if (ticking_) ScheduleTick();
    });
  }
  void NotePeer(Rank rank) {
    const auto place = std::ranges::lower_bound(peers_, rank);
    if (place == peers_.end() || *place != rank) peers_.insert(place, rank);
  }
  // Keeps the fabric thread busy, after what it has to do already.
  void Work(Duration time) {
    time = Scaled(time, host_.slowness());
    free_ = fabric_.cores_.Do(std::max(free_, fabric_.queue_.Now()), time);
    traffic_.busy += time;
  }

  SimulatedFabric& fabric_;
  Host& host_;
  fabric::Address address_;
  fabric::Receiver* receiver_ = nullptr;
  bool ticking_ = false;
  TimePoint free_{};                // the fabric thread, from then on
  TimePoint sends_{}, receives_{};  // the link, each way
  Duration delay_{};
  Traffic traffic_;
  std::vector<Rank> peers_;
};

SimulatedFabric::SimulatedFabric(const FabricModel& model, EventQueue& queue, Cores& cores, const FileTree& tree,
                                 uint64_t seed)
    : model_(model), queue_(queue), cores_(cores), tree_(tree), random_(seed, 1) {}

SimulatedFabric::~SimulatedFabric() = default;

void SimulatedFabric::Add(Host& host) {
  links_.push_back(std::make_unique<Link>(*this, host));
}

fabric::Endpoint& SimulatedFabric::endpoint(Rank rank) {
  return *links_[rank];
}

const Traffic& SimulatedFabric::traffic(Rank rank) const {
  return links_[rank]->traffic_;
}

const std::vector<Rank>& SimulatedFabric::peers(Rank rank) const {
  return links_[rank]->peers_;
}

void SimulatedFabric::Delay(Rank rank, Duration time) {
  links_[rank]->delay_ = time;
}

void SimulatedFabric::Reset(Rank one, Rank other, TimePoint until) {
  std::erase_if(reset_, [&](const Broken& broken) { return broken.until <= queue_.Now(); });
  reset_.push_back({one, other, until});
}

bool SimulatedFabric::IsReset(Rank one, Rank other) const {
  return std::ranges::any_of(reset_, [&](const Broken& broken) {
    return broken.until > queue_.Now() &&
           ((broken.one == one && broken.other == other) || (broken.one == other && broken.other == one));
  });
}

Duration SimulatedFabric::OnLink(size_t bytes) const {
  return Duration(static_cast<Duration::rep>(static_cast<double>(bytes) / model_.link_bytes_per_second * 1e9));
}

Duration SimulatedFabric::Handling(size_t bytes, bool received) const {
  const Duration per_mib = model_.per_mib + (received ? model_.authenticate_per_mib : Duration{});
  return model_.per_message + Scaled(per_mib, static_cast<double>(bytes) / 0x1p20);
}

// Until its first bytes reach the link of the other side.
void SimulatedFabric::Carry(std::unique_ptr<Message> message) {
  const size_t bytes = message->datagram.payload.size();
  queue_.Note(uint64_t{message->to} << 32 | bytes);
  const Link& from = *links_[message->from];
  const Duration delay = std::max(from.delay_, links_[message->to]->delay_);
  const Duration jitter = model_.jitter == Duration{} ? Duration{} : random_.Exponential(model_.jitter);
  const TimePoint first = from.sends_ - OnLink(bytes) + model_.latency + jitter + delay;
  const Rank to = message->to;
  queue_.AtOutside(first, What::kOnWire, to,
                   [this, message = std::move(message)]() mutable { Receive(std::move(message)); });
}

void SimulatedFabric::Receive(std::unique_ptr<Message> message) {
  if (IsReset(message->from, message->to)) return;
  Link& to = *links_[message->to];
  if (to.host_.is_dead()) return;
  const size_t bytes = message->datagram.payload.size();
  to.receives_ = std::max(to.receives_, queue_.Now()) + OnLink(bytes);
  to.free_ = std::max(to.free_, to.receives_);
  to.Work(Handling(bytes, /*received=*/true));
  queue_.At(to.free_, What::kArrival, to.host_,
            [this, message = std::move(message)]() mutable { Arrive(std::move(message)); });
}

void SimulatedFabric::Arrive(std::unique_ptr<Message> message) {
  Link& to = *links_[message->to];
  if (to.receiver_ == nullptr) return;
  longest_ = std::max<Duration>(longest_, queue_.Now() - message->sent);
  ++to.traffic_.messages_received;
  to.traffic_.bytes_received += message->datagram.payload.size();
  to.NotePeer(message->from);
  to.receiver_->OnArrival({message->datagram.head, tree_.Received(std::move(message->datagram.payload))});
}

}  // namespace copper::simulation

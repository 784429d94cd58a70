#include "fakes/loopback_fabric.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

namespace copper::fakes {

class LoopbackFabric::LoopbackEndpoint final : public fabric::Endpoint {
 public:
  LoopbackEndpoint(LoopbackFabric& fabric, Rank rank, Duration tick)
      : fabric_(fabric), rank_(rank), tick_(tick), address_(AddressOf(rank)) {}
  ~LoopbackEndpoint() override { Stop(); }

  static fabric::Address AddressOf(Rank rank) {
    fabric::Address address;
    for (unsigned shift = 0; shift < 32; shift += 8) address.push_back(std::byte(rank >> shift & 0xff));
    return address;
  }

  const fabric::Address& address() const override { return address_; }
  std::string DescribeAddress(const fabric::Address& address) const override {
    Rank rank = 0;
    for (size_t i = 0; i < address.size(); ++i) rank |= std::to_integer<Rank>(address[i]) << (8 * i);
    return "loopback:" + std::to_string(rank);
  }
  std::string provider() const override { return "loopback"; }

  Status Connect(std::span<const fabric::Address> book) override {
    const std::vector<fabric::Address> expected = fabric_.Book();
    if (!std::ranges::equal(book, expected)) return Fail(EINVAL, "the address book is not this fabric's");
    return {};
  }

  void Start(fabric::Receiver& receiver) override {
    thread_ = std::thread([this, &receiver] { Run(receiver); });
  }

  void Stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    std::deque<Event> left;
    {
      const std::lock_guard lock(mutex_);
      left.swap(events_);
    }
    for (Event& event : left) {
      if (event.done) event.done(Fail(ESHUTDOWN));
    }
  }

  void Send(Rank to, fabric::Datagram datagram, SendDone done) override {
    if (stopped()) return done(Fail(ESHUTDOWN));
    if (const Status sent = fabric_.Transmit(rank_, to, std::move(datagram)); !sent) return done(sent);
    {
      const std::lock_guard lock(mutex_);
      if (!stopped_) {
        events_.push_back({{}, std::move(done)});
        wake_.notify_one();
        return;
      }
    }
    done(Fail(ESHUTDOWN));
  }

  void WantTicks() override {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ticking_, true)) return;
    next_tick_ = std::chrono::steady_clock::now() + tick_;
    wake_.notify_one();
  }

  // False once stopped.
  bool Deliver(fabric::Datagram datagram) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    events_.push_back({std::move(datagram), {}});
    wake_.notify_one();
    return true;
  }

  bool stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  // The end of a send if `done` is set, else an arrival.
  struct Event {
    fabric::Datagram datagram;
    SendDone done;
  };

  void Run(fabric::Receiver& receiver) {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      if (ticking_ && std::chrono::steady_clock::now() >= next_tick_) {
        Tick(receiver, lock);
      } else if (!events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        lock.unlock();
        Handle(receiver, std::move(event));
        lock.lock();
      } else if (ticking_) {
        wake_.wait_until(lock, next_tick_);
      } else {
        wake_.wait(lock);
      }
    }
  }

  void Tick(fabric::Receiver& receiver, std::unique_lock<std::mutex>& lock) {
    // Switched off first: a WantTicks during OnTick must not be lost.
    ticking_ = false;
    lock.unlock();
    const TimePoint now = std::chrono::steady_clock::now();
    const bool more = receiver.OnTick(now);
    lock.lock();
    if (!more || ticking_) return;
    ticking_ = true;
    next_tick_ = now + tick_;
  }

  static void Handle(fabric::Receiver& receiver, Event event) {
    if (event.done) return event.done({});
    receiver.OnArrival({event.datagram.head, std::move(event.datagram.payload)});
  }

  LoopbackFabric& fabric_;
  const Rank rank_;
  const Duration tick_;
  const fabric::Address address_;
  std::thread thread_;
  mutable std::mutex mutex_;  // the fields below
  std::condition_variable wake_;
  std::deque<Event> events_;
  bool stopped_ = false;
  bool ticking_ = false;
  TimePoint next_tick_;
};

LoopbackFabric::LoopbackFabric(uint32_t ranks, Duration tick) : disconnected_(ranks, false) {
  for (Rank rank = 0; rank < ranks; ++rank) {
    endpoints_.push_back(std::make_unique<LoopbackEndpoint>(*this, rank, tick));
  }
}

LoopbackFabric::~LoopbackFabric() {
  for (const auto& endpoint : endpoints_) endpoint->Stop();
}

fabric::Endpoint& LoopbackFabric::endpoint(Rank rank) {
  return *endpoints_.at(rank);
}

std::vector<fabric::Address> LoopbackFabric::Book() const {
  std::vector<fabric::Address> book;
  for (Rank rank = 0; rank < ranks(); ++rank) book.push_back(LoopbackEndpoint::AddressOf(rank));
  return book;
}

void LoopbackFabric::ConnectAll() {
  const std::vector<fabric::Address> book = Book();
  for (const auto& endpoint : endpoints_) endpoint->Connect(book).value();
}

void LoopbackFabric::SetFilter(Filter filter) {
  const std::lock_guard lock(mutex_);
  filter_ = std::move(filter);
}

void LoopbackFabric::SetTamper(Tamper tamper) {
  const std::lock_guard lock(mutex_);
  tamper_ = std::move(tamper);
}

size_t LoopbackFabric::held() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

void LoopbackFabric::ReleaseHeld() {
  const std::lock_guard lock(mutex_);
  for (Held& held : held_) endpoints_.at(held.to)->Deliver(std::move(held.datagram));
  held_.clear();
}

void LoopbackFabric::CopyPayloads() {
  const std::lock_guard lock(mutex_);
  copying_ = true;
}

void LoopbackFabric::Disconnect(Rank rank) {
  const std::lock_guard lock(mutex_);
  disconnected_.at(rank) = true;
}

void LoopbackFabric::Reconnect(Rank rank) {
  const std::lock_guard lock(mutex_);
  disconnected_.at(rank) = false;
}

void LoopbackFabric::Inject(Rank to, fabric::Datagram datagram) {
  const std::lock_guard lock(mutex_);
  endpoints_.at(to)->Deliver(std::move(datagram));
}

Status LoopbackFabric::Transmit(Rank from, Rank to, fabric::Datagram datagram) {
  const std::lock_guard lock(mutex_);
  if (to >= ranks()) return Fail(EINVAL);
  if (disconnected_[from] || disconnected_[to]) return Fail(ECONNRESET);
  if (tamper_) {
    Buffer payload = Buffer::Allocate(datagram.payload.size());
    std::ranges::copy(datagram.payload.span(), payload.data());
    tamper_(from, to, datagram.head, {payload.data(), payload.size()});
    datagram.payload = std::move(payload).Freeze(datagram.payload.size());
  } else if (copying_) {
    datagram.payload = Bytes::Copy(datagram.payload.span());
  }
  switch (filter_ ? filter_(from, to) : Fate::kDeliver) {
    case Fate::kDrop:
      return {};
    case Fate::kHold:
      held_.push_back({to, std::move(datagram)});
      return {};
    case Fate::kDeliver:
      break;
  }
  if (!endpoints_[to]->Deliver(std::move(datagram))) return Fail(ECONNRESET);
  return {};
}

}  // namespace copper::fakes

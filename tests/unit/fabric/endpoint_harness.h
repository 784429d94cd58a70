// Endpoints of one process over the real fabric, on the loopback interface.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "copper/fabric/libfabric_endpoint.h"

namespace copper::fabric {

inline constexpr size_t kHeadSize = 128;
inline constexpr auto kPatience = std::chrono::seconds(20);

// A byte pattern that differs by seed and position.
inline Bytes Pattern(size_t size, uint32_t seed) {
  Buffer buffer = Buffer::Allocate(size);
  uint32_t state = seed * 2654435761u + 1;
  for (size_t i = 0; i < size; ++i) buffer.data()[i] = std::byte((state = state * 1664525u + 1013904223u) >> 24);
  return std::move(buffer).Freeze(size);
}

inline Datagram MakeDatagram(uint32_t number, size_t size) {
  Datagram datagram{std::vector<std::byte>(kHeadSize, std::byte{0x5a}), Pattern(size, number)};
  std::memcpy(datagram.head.data(), &number, sizeof(number));
  return datagram;
}

inline bool SameBytes(const Bytes& a, const Bytes& b) {
  return std::ranges::equal(a.span(), b.span());
}

// Keeps what arrives; every wait has a deadline.
class Inbox final : public Receiver {
 public:
  struct Item {
    uint32_t number;
    Bytes payload;
  };

  void OnArrival(Arrival arrival) override {
    const std::lock_guard lock(mutex_);
    Item item{0, std::move(arrival.payload)};
    if (arrival.head.size() == kHeadSize) std::memcpy(&item.number, arrival.head.data(), sizeof(item.number));
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  bool OnTick(TimePoint) override {
    const std::lock_guard lock(mutex_);
    ++ticks_;
    changed_.notify_all();
    return ticks_ < ticks_wanted_;
  }

  std::vector<Item> WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return items_.size() >= count; });
    return items_;
  }
  int WaitForTicks(int count, Duration patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return ticks_ >= count; });
    return ticks_;
  }
  void SetTicksWanted(int count) {
    const std::lock_guard lock(mutex_);
    ticks_wanted_ = count;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  int ticks_ = 0;
  int ticks_wanted_ = 0;
};

// How sends ended: each exactly once.
class Outcomes {
 public:
  Endpoint::SendDone Expect() {
    const std::lock_guard lock(mutex_);
    const size_t index = codes_.size();
    codes_.push_back(kPending);
    return [this, index](Status status) {
      const std::lock_guard relock(mutex_);
      if (codes_[index] != kPending) ++repeated_;
      codes_[index] = status ? 0 : status.error().code;
      ++ended_;
      changed_.notify_all();
    };
  }
  // The errno of each, 0 for success, -1 while pending.
  std::vector<int> Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return ended_ >= codes_.size(); });
    return codes_;
  }
  std::vector<int> Now() {
    const std::lock_guard lock(mutex_);
    return codes_;
  }
  int repeated() {
    const std::lock_guard lock(mutex_);
    return repeated_;
  }
  static constexpr int kPending = -1;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> codes_;
  size_t ended_ = 0;
  int repeated_ = 0;
};

struct NetworkOptions {
  std::string net_type;
  bool may_wait = true;
};

// `size` endpoints that know each other, started.
class Network {
 public:
  Network(const NetworkOptions& options, size_t size) : inboxes(size) {
    std::vector<Address> book;
    for (size_t rank = 0; rank < size; ++rank) {
      auto endpoint = OpenLibfabricEndpoint({options.net_type, "", true, kHeadSize, options.may_wait}, log_);
      EXPECT_TRUE(endpoint) << endpoint.error().message;
      if (!endpoint) return;
      book.push_back((*endpoint)->address());
      endpoints.push_back(std::move(*endpoint));
    }
    for (size_t rank = 0; rank < size; ++rank) {
      EXPECT_TRUE(endpoints[rank]->Connect(book));
      endpoints[rank]->Start(inboxes[rank]);
    }
  }
  ~Network() {
    for (auto& endpoint : endpoints) endpoint->Stop();
  }

 private:
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};

 public:
  std::vector<Inbox> inboxes;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
};

}  // namespace copper::fabric

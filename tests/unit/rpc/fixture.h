// Channels of several ranks over a loopback fabric, with a handler that tests script.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "copper/rpc/channel.h"
#include "fakes/fake_clock.h"
#include "fakes/loopback_fabric.h"

namespace copper::rpc {

// Far over what anything here takes, also under sanitizers on a busy machine.
inline constexpr auto kPatience = std::chrono::seconds(30);

// The outcome of one call, which any thread may wait for.
class Outcome {
 public:
  Channel::Done Done() {
    return [promise = promise_](Result<Reply> reply) { promise->set_value(std::move(reply)); };
  }
  bool IsThere() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  Result<Reply> Get() {
    if (future_.wait_for(kPatience) != std::future_status::ready) return Fail(ENOMSG, "no outcome");
    return future_.get();
  }
  // The errno, of the way or of the peer; 0 for success.
  int Error() {
    const Result<Reply> reply = Get();
    return reply ? reply->error : reply.error().code;
  }

 private:
  // Shared: a channel may still be in set_value when the waiting side has seen the value.
  std::shared_ptr<std::promise<Result<Reply>>> promise_ = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> future_ = promise_->get_future();
};

inline std::string Text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes BytesOf(std::string_view text) {
  return Bytes::Copy(std::as_bytes(std::span(text)));
}

// Answers with the path, unless it is told otherwise.
class ScriptedHandler final : public Handler {
 public:
  using Script = std::function<void(Rank from, Request, TimePoint deadline, Responder)>;

  // Before Start.
  void SetScript(Script script) { script_ = std::move(script); }

  void Handle(Rank from, Request request, TimePoint deadline, Responder respond) override {
    if (script_) return script_(from, std::move(request), deadline, std::move(respond));
    respond({.payload = BytesOf(request.path)});
  }
  bool OnTick(TimePoint) override {
    const std::lock_guard lock(mutex_);
    ++ticks_;
    changed_.notify_all();
    return ticks_ < wanted_ticks_;
  }
  void WantTicks(int count) {
    const std::lock_guard lock(mutex_);
    wanted_ticks_ = ticks_ + count;
  }
  int ticks() const {
    const std::lock_guard lock(mutex_);
    return ticks_;
  }
  bool WaitForTicks(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return ticks_ >= count; });
  }

 private:
  Script script_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int ticks_ = 0;
  int wanted_ticks_ = 0;
};

// Keeps responders until the test answers.
class Inbox {
 public:
  struct Item {
    Rank from;
    Request request;
    TimePoint deadline;
    Responder respond;
  };

  ScriptedHandler::Script Script() {
    return [this](Rank from, Request request, TimePoint deadline, Responder respond) {
      const std::lock_guard lock(mutex_);
      items_.push_back({from, std::move(request), deadline, std::move(respond)});
      changed_.notify_all();
    };
  }
  // At least `count` items, all that are there.
  std::vector<Item> Take(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return items_.size() >= count; });
    EXPECT_GE(items_.size(), count);
    return std::exchange(items_, {});
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
};

class ChannelTest : public testing::Test {
 protected:
  static constexpr uint32_t kRanks = 3;
  static constexpr Duration kLong = std::chrono::hours(1);

  ChannelTest() { fabric_.ConnectAll(); }
  ~ChannelTest() override { StopAll(); }

  void StartAll(uint16_t credits = 64) {
    for (Rank rank = 0; rank < kRanks; ++rank) {
      channels_.push_back(std::make_unique<FabricChannel>(
          FabricChannel::Options{.self = rank, .ranks = kRanks, .keys = wire::Keys(job_), .credits = credits},
          fabric_.endpoint(rank), clock_, log_));
    }
    for (Rank rank = 0; rank < kRanks; ++rank) channels_[rank]->Start(handlers_[rank]);
  }
  void StopAll() {
    for (auto& channel : channels_) channel->Stop();
  }

  FabricChannel& channel(Rank rank) { return *channels_[rank]; }

  Outcome Ask(Rank from, Rank to, Request request, Duration within = kLong) {
    Outcome outcome;
    channel(from).Call(to, std::move(request), clock_.Now() + within, outcome.Done());
    return outcome;
  }
  Outcome Ask(Rank from, Rank to, std::string path = "/a", Duration within = kLong) {
    return Ask(from, to, Request{.path = std::move(path)}, within);
  }
  // A datagram as `from` would send it.
  void Inject(Rank to, const wire::Header& header, const Bytes& payload, const JobIdentity& job) {
    wire::Header whole = header;
    whole.job = job.id;
    whole.to = to;
    whole.sequence = injected_++;
    fabric_.Inject(to, {wire::Encode(whole, payload.span(), wire::Keys(job)), payload});
  }
  // Whatever was on its way to `rank` before this has been dealt with when it returns.
  void Settle(Rank rank) { EXPECT_EQ(Ask(rank, rank).Error(), 0); }

  const JobIdentity job_ = JobIdentity::Random().value();
  fakes::FakeClock clock_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  fakes::LoopbackFabric fabric_{kRanks};
  std::vector<ScriptedHandler> handlers_{kRanks};
  std::vector<std::unique_ptr<FabricChannel>> channels_;
  uint64_t injected_ = 1000;  // sequences that no rank has come to
};

}  // namespace copper::rpc

// The threads that wait for a mount, as a test wants them. Any thread.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "copper/base/caller_threads.h"

namespace copper::fakes {

// What /proc/TID/status says, as far as it matters.
struct ThreadStatus {
  using Signals = std::vector<int>;
  Signals own = {}, shared = {};  // pending
  Signals blocked = {}, ignored = {}, caught = {};
  int tracer = 0;
  std::string state = "D (disk sleep)";

  std::string Text() const {
    const auto mask = [](const Signals& signals) {
      uint64_t bits = 0;
      for (const int number : signals) bits |= uint64_t{1} << (number - 1);
      return bits;
    };
    std::array<char, 32> hex{};
    const auto line = [&](const char* name, const Signals& signals) {
      std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(mask(signals)));
      return std::string(name) + ":\t" + hex.data() + "\n";
    };
    return "Name:\tsome process\nState:\t" + state + "\nTgid:\t7\nPid:\t7\nTracerPid:\t" + std::to_string(tracer) +
           "\nThreads:\t1\nSigQ:\t1/63432\n" + line("SigPnd", own) + line("ShdPnd", shared) + line("SigBlk", blocked) +
           line("SigIgn", ignored) + line("SigCgt", caught) + "CapInh:\t0000000000000000\n";
  }
};

class FakeThreads final : public CallerThreads {
 public:
  // All that are not set: alive and undisturbed.
  void Set(pid_t thread, Seen seen) {
    const std::lock_guard lock(mutex_);
    threads_[thread] = std::move(seen);
  }
  void Set(pid_t thread, const ThreadStatus& status, uint64_t started = 1) {
    Set(thread, {.how = Seen::How::kRead, .status = status.Text(), .started = started});
  }
  Seen Look(pid_t thread) override {
    const std::lock_guard lock(mutex_);
    ++looks_;
    const auto found = threads_.find(thread);
    if (found != threads_.end()) return found->second;
    return {.how = Seen::How::kRead, .status = ThreadStatus{}.Text(), .started = 1};
  }
  int looks() const {
    const std::lock_guard lock(mutex_);
    return looks_;
  }

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::map<pid_t, Seen> threads_;
  int looks_ = 0;
};

}  // namespace copper::fakes

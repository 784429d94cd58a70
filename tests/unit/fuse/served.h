// A server over one rank's fetcher and a source in memory, with the fake kernel in front.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "copper/fuse/server.h"
#include "fakes/fake_kernel.h"
#include "fakes/fake_threads.h"
#include "fakes/test_job.h"

namespace copper::fuse {

// The job's clock. Handlers look at it in the middle of their work: that is where a test can have other things happen.
class ServedClock final : public Clock {
 public:
  const Clock& Over(const Clock& clock) {
    clock_ = &clock;
    return *this;
  }
  TimePoint Now() const override {
    if (is_set_.exchange(false)) next_();
    return clock_->Now();
  }
  // Once, by whoever looks next.
  void AtTheNextLook(std::function<void()> next) {
    next_ = std::move(next);
    is_set_ = true;
  }

 private:
  const Clock* clock_ = nullptr;
  std::function<void()> next_;
  mutable std::atomic<bool> is_set_{false};
};

class Served : public testing::Test {
 protected:
  using Kind = fakes::MemoryStore::Kind;

  // `recording`: into the node's recorder, full paths too.
  void Start(fetch::Fetcher::Options options = {}, size_t node_budget_bytes = size_t{64} << 20,
             bool recording = false) {
    job_ = std::make_unique<fakes::TestJob>(1, options);
    Server::Options serving;
    serving.threads = 2;
    serving.callers = callers_;
    serving.in_use = in_use_of_mount_;
    serving.node_budget_bytes = node_budget_bytes;
    if (recording) serving.recorder = &job_->node(0).recorder();
    serving.live_files["status.json"] = [this] { return "{\"looks\": " + std::to_string(++renderings_) + "}\n"; };
    serving.on_stop_command = [this] { ++stop_commands_; };
    serving.on_refresh_command = [](const std::string& path, auto done) {
      done(path == "/bad" ? Fail(EINVAL, "no such thing") : Result<std::string>("refreshed " + path));
    };
    serving.on_unmounted = [this] {
      ++unmounted_;
      unmounted_.notify_all();
    };
    server_ = std::make_unique<Server>(std::move(serving), kernel_.TakeConnection(), job_->node(0).fetcher(), counters_,
                                       clock_.Over(job_->clock()), log_);
    ASSERT_TRUE(server_->Start());
    init_ = kernel_.Init(kernel_minor_);
  }

  fakes::MemoryStore& store() { return job_->store(); }
  // The thread that all requests come from is killed. The kernel has still to interrupt what it waits for.
  void KillCaller() { callers_->Set(getpid(), {.own = {SIGKILL}}); }

  fakes::FakeKernel kernel_;
  const std::shared_ptr<fakes::FakeThreads> callers_ = std::make_shared<fakes::FakeThreads>();
  std::shared_ptr<FilesInUse> in_use_of_mount_;  // before Start
  uint32_t kernel_minor_ = 38;                   // before Start: 38 is Linux 6.2, the first that can expire names
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  profile::Counters counters_;
  std::unique_ptr<fakes::TestJob> job_;
  ServedClock clock_;
  std::atomic<int> renderings_{0}, stop_commands_{0}, unmounted_{0};
  std::unique_ptr<Server> server_;
  fuse_init_out init_{};
};

}  // namespace copper::fuse

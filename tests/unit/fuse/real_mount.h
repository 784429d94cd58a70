// A server behind the real kernel, over one rank's fetcher and a source in memory.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "copper/fuse/server.h"
#include "copper/mount/mounter.h"
#include "fakes/temporary_directory.h"
#include "fakes/test_job.h"

namespace copper::fuse {

class RealMount : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(Server::Options options) {
    if (!mount::CheckFuse()) GTEST_SKIP() << "no FUSE here: " << mount::CheckFuse().error().Describe();
    auto mounter = mount::Mounter::Fork();  // before any thread
    ASSERT_TRUE(mounter);
    mounter_.emplace(std::move(*mounter));
    auto connection = mounter_->Mount({.point = point_});
    ASSERT_TRUE(connection) << connection.error().Describe();
    job_ = std::make_unique<fakes::TestJob>(1);
    options.live_files["status.json"] = [this] { return std::to_string(++renderings_) + "\n"; };
    options.on_stop_command = [this] { ++stop_commands_; };
    options.on_unmounted = [this] { ++unmounted_; };
    server_ = std::make_unique<Server>(std::move(options), std::move(*connection), job_->node(0).fetcher(), counters_,
                                       job_->clock(), log_);
    ASSERT_TRUE(server_->Start());
  }

  void TearDown() override {
    if (!mounter_) return;
    EXPECT_TRUE(mounter_->Unmount());
    server_.reset();
    EXPECT_FALSE(std::filesystem::exists(point_));
  }

  std::string In(const std::string& path) const { return point_ + path; }
  fakes::MemoryStore& store() { return job_->store(); }
  uint64_t Count(profile::Operation operation) const { return counters_.Get(operation); }

  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  fakes::TemporaryDirectory directory_;
  const std::string point_ = directory_.path() + "/mnt";
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  profile::Counters counters_;
  std::optional<mount::Mounter> mounter_;
  std::unique_ptr<fakes::TestJob> job_;
  std::atomic<int> renderings_{0}, stop_commands_{0}, unmounted_{0};
  std::unique_ptr<Server> server_;
};

}  // namespace copper::fuse

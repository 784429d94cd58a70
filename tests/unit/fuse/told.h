// A notifier with the fake kernel behind it, and no server: what the kernel is told, and when.
#pragma once

#include <gmock/gmock.h>

#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "fakes/fake_kernel.h"
#include "fuse/inode_table.h"  // private to the module
#include "fuse/notifier.h"
#include "fuse/session.h"

namespace copper::fuse {

class Told : public testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{10};

  Told() {
    auto session = Session::Open({}, nullptr, kernel_.TakeConnection());
    EXPECT_TRUE(session);
    session_ = std::move(*session);
    EXPECT_TRUE(session_->Start(1, [] {}));
    kernel_.Init();
    notifier_->Start(session_->get());
  }
  ~Told() override {
    notifier_->Stop();
    session_->Stop();
  }

  static Node::Known Known(uint64_t inode, uint32_t type) {
    Attributes attributes;
    attributes.inode = inode;
    attributes.mode = type | 0755;
    return {std::make_shared<const Attributes>(attributes), kNever};
  }
  // What comes from now on is told when `until` is.
  void HoldUp(std::promise<void>& until) {
    notifier_->Then([&] { until.get_future().wait(); });
  }
  // When the kernel has heard all that there was to tell: the names that were dropped.
  std::vector<std::string> Dropped() {
    std::promise<void> told;
    notifier_->Then([&] { told.set_value(); });
    EXPECT_EQ(told.get_future().wait_for(kPatience), std::future_status::ready);
    kernel_.Call(FUSE_STATFS, 1);  // comes after the notices
    std::vector<std::string> dropped;
    for (const auto& notice : kernel_.notices()) {
      uint32_t flags = 0;
      std::memcpy(&flags, notice.body.data() + 12, sizeof flags);
      if (notice.code == FUSE_NOTIFY_INVAL_ENTRY && flags == 0) dropped.emplace_back(notice.body.substr(16).c_str());
    }
    return dropped;
  }

  fakes::FakeKernel kernel_;
  std::unique_ptr<Session> session_;
  const std::shared_ptr<Notifier> notifier_ = std::make_shared<Notifier>(0);
};

}  // namespace copper::fuse

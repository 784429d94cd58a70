#include "told.h"

namespace copper::fuse {
namespace {

using NotifierTest = Told;

TEST_F(NotifierTest, WhetherANameIsStillToBeDroppedIsAskedInItsTurn) {
  std::promise<void> asked;
  HoldUp(asked);
  bool is_used = false;
  const auto if_still = [&] { return is_used ? std::nullopt : std::optional<uint64_t>(7); };
  notifier_->InvalidateName(if_still, 7, "used");
  notifier_->Then([&] { is_used = false; });
  notifier_->InvalidateName(if_still, 7, "unused");
  is_used = true;
  asked.set_value();
  EXPECT_THAT(Dropped(), testing::ElementsAre("unused"));
}

TEST_F(NotifierTest, APurposeIsServedWhenAllItsNotesAreToldAndNobodyHasIt) {
  std::promise<void> begun, told;
  std::future<void> is_told = told.get_future();
  HoldUp(begun);
  auto purpose = notifier_->WhenAllTold([&] { told.set_value(); });
  notifier_->InvalidateName([] { return std::optional<uint64_t>(7); }, 7, "its own", purpose);
  purpose.reset();
  EXPECT_EQ(is_told.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "its note is still to be told";
  begun.set_value();
  EXPECT_EQ(is_told.wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(Dropped(), testing::ElementsAre("its own"));
}

TEST(NotifierThatNeverStarted, APurposeIsNotServedAtTheEnd) {
  Notifier notifier(0);
  bool is_served = false;
  notifier.InvalidateInode(7, notifier.WhenAllTold([&] { is_served = true; }));
  notifier.Stop();
  EXPECT_FALSE(is_served);
}

// What is freed may complete what waited for its memory, whatever that does.
TEST_F(NotifierTest, WhatANoteHeldMayTellSomethingWhenItIsFreed) {
  std::promise<void> told;
  const auto at_last = [&](const int* value) {
    delete value;
    notifier_->Then([&] { told.set_value(); });
  };
  notifier_->Then([held = std::shared_ptr<int>(new int, at_last)] {});
  EXPECT_EQ(told.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST(NotifierThatNeverStarted, WhatIsDroppedAtTheEndMayTellSomethingWhenItIsFreed) {
  Notifier notifier(0);
  bool freed = false;
  const auto at_last = [&](const int* value) {
    delete value;
    notifier.InvalidateInode(7);
    freed = true;
  };
  notifier.Then([held = std::shared_ptr<int>(new int, at_last)] {});
  notifier.Stop();
  EXPECT_TRUE(freed);
}

}  // namespace
}  // namespace copper::fuse

// What becomes of nodes beyond their budget on kernels that can't tell what is in use, thread by thread.
#include "fuse/pruner.h"  // private to the module

#include <atomic>
#include <functional>
#include <new>
#include <thread>

#include "fakes/fake_clock.h"
#include "told.h"

namespace copper::fuse {
namespace {

using testing::Contains;
using testing::Not;

constexpr size_t kBudget = 200'000;  // some 250 nodes

// Does what a test wants while it looks.
class InUse final : public FilesInUse {
 public:
  std::optional<Seen> Look() override {
    ++looks;
    looks.notify_all();
    if (while_looking) while_looking();
    return Seen{};
  }
  std::function<void()> while_looking;  // before the first look
  std::atomic<int> looks{0};
};

class PrunerTest : public Told {
 protected:
  PrunerTest() {
    inodes_.SetMode(InodeTable::Mode::kExpired);
    notifier_->SetAbilities({.expires = true});
    inodes_.Enter("/many", Known(2, S_IFDIR));
  }
  ~PrunerTest() override {
    notifier_->Stop();
    pruner_.Stop();
  }

  NodePtr EnterFile(uint64_t number) {
    return inodes_.Enter("/many/" + std::to_string(number), Known(number + 10, S_IFREG));
  }
  void EnterFiles(uint64_t first, uint64_t end) {
    for (uint64_t i = first; i < end; ++i) EnterFile(i);
  }
  bool LooksAgain(int times) const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (in_use_->looks < times && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return in_use_->looks >= times;
  }

  fakes::FakeClock clock_;
  InodeTable inodes_{kBudget};
  const std::shared_ptr<InUse> in_use_ = std::make_shared<InUse>();
  Pruner pruner_{inodes_, clock_, notifier_, in_use_};
};

TEST_F(PrunerTest, ANameThatIsLookedUpBeforeItIsDroppedStays) {
  std::promise<void> looked_up;
  in_use_->while_looking = [&] { HoldUp(looked_up); };
  const uint64_t before = EnterFile(0)->id();
  EnterFiles(1, 1000);
  pruner_.Relieve();
  in_use_->looks.wait(0);
  pruner_.Stop();  // waits for the look, but what the kernel is told of it waits for the notifier
  EXPECT_EQ(EnterFile(0)->id(), before) << "somebody uses it from now on";
  looked_up.set_value();
  const auto dropped = Dropped();
  EXPECT_THAT(dropped, Contains("1"));
  EXPECT_THAT(dropped, Not(Contains("0")));
}

TEST_F(PrunerTest, WhatCameDuringALookIsLookedForThoughNothingMoreComes) {
  in_use_->while_looking = [&] {
    clock_.Advance(std::chrono::milliseconds(10));
    if (in_use_->looks == 1) EnterFiles(1000, 2000);
  };
  EnterFiles(0, 1000);
  pruner_.Relieve();
  EXPECT_TRUE(LooksAgain(2));
}

TEST_F(PrunerTest, AStopDoesNotWaitUntilItMayLookAgain) {
  in_use_->while_looking = [&] { clock_.Advance(std::chrono::hours(1)); };
  EnterFiles(0, 1000);
  pruner_.Relieve();
  EXPECT_TRUE(LooksAgain(1));
}

TEST_F(PrunerTest, ALookForWhichThereIsNoMemoryIsMadeAgain) {
  in_use_->while_looking = [&] {
    if (in_use_->looks == 1) throw std::bad_alloc();
  };
  EnterFiles(0, 1000);
  pruner_.Relieve();
  ASSERT_TRUE(LooksAgain(1));
  for (uint64_t more = 1000; in_use_->looks < 2 && more < 1'000'000; ++more) {
    EnterFile(more);
    pruner_.Relieve();
  }
  EXPECT_TRUE(LooksAgain(2));
}

}  // namespace
}  // namespace copper::fuse

// Names that a refresh has made suspect, on a kernel that can't expire them.
#include "fuse/recheck.h"  // private to the module

#include <atomic>
#include <functional>
#include <future>

#include "fakes/test_job.h"
#include "told.h"

namespace copper::fuse {
namespace {

class Watched final : public Clock {
 public:
  TimePoint Now() const override {
    ++looks_;
    if (on_look) on_look(looks_);
    return {};
  }
  std::function<void(int look)> on_look;

 private:
  mutable std::atomic<int> looks_{0};
};

class RecheckTest : public Told {
 protected:
  // Of these names nothing can be had in time, so all are to be dropped.
  void Begin() {
    const Recheck::Parts parts{job_.node(0).fetcher(), clock_, inodes_, notifier_};
    std::make_shared<Recheck>(parts, inodes_.Suspect("/"), clock_.Now(), Notifier::Purpose())->Begin();
  }
  Watched clock_;
  InodeTable inodes_;
  fakes::TestJob job_{1};
};

TEST_F(RecheckTest, ANameThatIsLookedUpBeforeItIsDroppedStays) {
  inodes_.Enter("/used", Known(10, S_IFREG));
  inodes_.Enter("/unused", Known(11, S_IFREG));
  std::promise<void> judged, looked_up;
  // By the third look the first name's turn to be judged is waiting, and with it both are: behind this they are told.
  clock_.on_look = [&](int look) {
    if (look != 3) return;
    notifier_->Then([&] {
      judged.set_value();
      looked_up.get_future().wait();
    });
  };
  Begin();
  ASSERT_EQ(judged.get_future().wait_for(kPatience), std::future_status::ready);
  inodes_.Enter("/used", Known(10, S_IFREG));
  looked_up.set_value();
  EXPECT_THAT(Dropped(), testing::ElementsAre("unused"));
}

}  // namespace
}  // namespace copper::fuse

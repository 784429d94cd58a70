#include "copper/base/gate.h"

#include <gtest/gtest.h>

#include <thread>

namespace copper {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Gate, RefusesNewWorkOnceClosed) {
  Gate gate;
  EXPECT_TRUE(gate.Enter());
  EXPECT_TRUE(gate.Close(milliseconds(0))) << "nothing is inside";
  EXPECT_FALSE(gate.Enter());
  EXPECT_TRUE(gate.Close(milliseconds(0)));
}

TEST(Gate, CloseGivesUpAtItsDeadlineAndStaysClosed) {
  Gate gate;
  auto pass = gate.Enter();
  EXPECT_FALSE(gate.Close(milliseconds(1)));
  EXPECT_FALSE(gate.Enter());
  pass.reset();
  EXPECT_TRUE(gate.Close(milliseconds(0)));
}

TEST(Gate, CloseWaitsForWhatIsInside) {
  Gate gate;
  auto pass = gate.Enter();
  ASSERT_TRUE(pass);
  std::thread worker([inside = std::move(*pass), &gate]() mutable {
    while (gate.Enter()) std::this_thread::yield();  // until the other thread closes it
    const Gate::Pass leaving = std::move(inside);
  });
  pass.reset();
  EXPECT_TRUE(gate.Close(seconds(30)));
  worker.join();
}

TEST(Gate, AMovedPassLeavesOnce) {
  Gate gate;
  auto first = gate.Enter();
  {
    const Gate::Pass moved = std::move(*first);
    first.reset();
    EXPECT_FALSE(gate.Close(milliseconds(1)));
  }
  EXPECT_TRUE(gate.Close(milliseconds(0)));
}

}  // namespace
}  // namespace copper

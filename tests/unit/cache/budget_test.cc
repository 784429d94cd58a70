#include "copper/cache/budget.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "copper/cache/cache.h"

namespace copper::cache {
namespace {

constexpr size_t kCharge = 100'000;
const FileVersion kVersion{1, 2, {3, 4}};

class Eviction : public testing::Test {
 protected:
  static ChunkKey Key(uint64_t chunk) { return {"/f", kVersion, chunk}; }
  void PutChunk(uint64_t chunk) { cache_.data().Put(Key(chunk), {.chunk = {Bytes::Copy({})}}, kCharge); }
  bool HasChunk(uint64_t chunk) { return cache_.data().Get(Key(chunk)).has_value(); }

  Cache cache_{10 * kCharge + 10'000};  // ten chunks and what their entries take
};

TEST_F(Eviction, NothingGoesWhileThereIsRoom) {
  for (uint64_t i = 0; i < 10; ++i) PutChunk(i);
  for (uint64_t i = 0; i < 10; ++i) EXPECT_TRUE(HasChunk(i)) << i;
  EXPECT_EQ(cache_.budget().evictions(), 0U);
}

TEST_F(Eviction, TheLeastRecentlyUsedGoesFirstWhateverItsShard) {
  for (uint64_t i = 0; i < 10; ++i) PutChunk(i);
  EXPECT_TRUE(HasChunk(0)) << "and so used last";
  for (uint64_t i = 10; i < 15; ++i) PutChunk(i);
  EXPECT_TRUE(HasChunk(0));
  for (uint64_t i = 1; i < 6; ++i) EXPECT_FALSE(HasChunk(i)) << i;
  for (uint64_t i = 6; i < 15; ++i) EXPECT_TRUE(HasChunk(i)) << i;
  EXPECT_LE(cache_.budget().held(), cache_.budget().limit());
}

TEST_F(Eviction, TablesShareTheBudget) {
  for (uint64_t i = 0; i < 10; ++i) PutChunk(i);
  cache_.metadata().Put({"/absent"}, {nullptr, kNever}, kCharge);
  EXPECT_FALSE(HasChunk(0));
  EXPECT_TRUE(cache_.metadata().Get({"/absent"}));
  for (uint64_t i = 20; i < 30; ++i) PutChunk(i);
  EXPECT_FALSE(cache_.metadata().Get({"/absent"}));
}

TEST_F(Eviction, WhatIsBeingReadStays) {
  cache_.data().Put(Key(0), {.chunk = {Bytes::Copy(std::as_bytes(std::span("chunk")))}}, kCharge);
  auto read = cache_.data().Get(Key(0));
  for (uint64_t i = 1; i < 40; ++i) PutChunk(i);
  EXPECT_TRUE(HasChunk(0));
  read.reset();
  for (uint64_t i = 1; i < 40; ++i) PutChunk(i);
  EXPECT_FALSE(HasChunk(0));
}

TEST_F(Eviction, MillionsOfNamesStayInTheBudget) {
  Cache small(1'000'000);
  for (int i = 0; i < 200'000; ++i) {
    const std::string path = "/absent/" + std::to_string(i);
    small.metadata().Put({path}, {nullptr, kNever}, path.size());
    ASSERT_LE(small.budget().held(), small.budget().limit());
  }
  EXPECT_GT(small.metadata().usage().entries, 3000U);
}

TEST_F(Eviction, SumsStayRightWithManyThreads) {
  {
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t i = 0; i < 3000; ++i) {
          PutChunk((i * 7 + t) % 50);
          HasChunk(i % 50);
          if (i % 5 == 0) cache_.data().Erase(Key(i % 50));
        }
      });
    }
  }
  EXPECT_EQ(cache_.budget().held(), cache_.data().usage().bytes);
  EXPECT_LE(cache_.budget().held(), cache_.budget().limit());
}

class Reservations : public testing::Test {
 protected:
  ~Reservations() override {
    while (!rooms_.empty()) rooms_.extract(rooms_.begin());  // one at a time: each may bring others
  }
  void Reserve(size_t bytes, uint32_t depth, const std::string& name) {
    budget_.Reserve(bytes, depth, [this, name](Reservation room) {
      granted_.push_back(name);
      rooms_[name] = std::move(room);
    });
  }

  Budget budget_{100};
  std::vector<std::string> granted_;
  std::map<std::string, Reservation> rooms_;
};

TEST_F(Reservations, WaitForRoomInTheOrderTheyCame) {
  Reserve(60, 0, "first");
  Reserve(60, 0, "second");
  Reserve(10, 0, "third, which would fit");
  EXPECT_EQ(granted_, std::vector<std::string>{"first"});
  rooms_["first"].Release();
  EXPECT_EQ(granted_, (std::vector<std::string>{"first", "second", "third, which would fit"}));
  EXPECT_EQ(budget_.held(), 70U);
}

// Two nodes that are each other's parents in two trees would else wait for each other's memory for ever.
TEST_F(Reservations, EachDepthMayAlwaysHaveOneUnderWay) {
  Reserve(100, 2, "deep");
  Reserve(100, 2, "deep too");
  Reserve(100, 1, "inner");
  Reserve(100, 0, "root");
  Reserve(1, 0, "root too");
  EXPECT_EQ(granted_, (std::vector<std::string>{"deep", "inner", "root"}));
  rooms_["root"].Release();
  EXPECT_EQ(granted_.back(), "root too") << "although the others hold all of the budget and more";
}

TEST_F(Reservations, OneThatIsLargerThanAllIsServedAlone) {
  Reserve(1000, 0, "large");
  EXPECT_EQ(granted_.size(), 1U);
  Reserve(1, 0, "small");
  EXPECT_EQ(granted_.size(), 1U);
  rooms_["large"].Release();
  EXPECT_EQ(granted_.size(), 2U);
}

TEST_F(Reservations, AreLookedAtAgainWhenWhatWasSentIsFree) {
  budget_.Hold(100);  // a chunk that is being sent, which no eviction frees
  Reserve(10, 0, "first");
  Reserve(10, 0, "second");
  EXPECT_EQ(granted_.size(), 1U);
  EXPECT_TRUE(budget_.Retry());
  budget_.Drop(100);
  EXPECT_FALSE(budget_.Retry());
  EXPECT_EQ(granted_.size(), 2U);
}

TEST_F(Reservations, AFetchThatFailsAtOnceIsNoRecursion) {
  budget_.Hold(100);
  Reserve(1, 0, "first");
  int ended = 0;
  for (int i = 0; i < 100'000; ++i) {
    budget_.Reserve(1, 0, [&](const Reservation&) { ++ended; });  // which goes with that
  }
  EXPECT_EQ(ended, 0);
  rooms_["first"].Release();
  EXPECT_EQ(ended, 100'000);
}

}  // namespace
}  // namespace copper::cache

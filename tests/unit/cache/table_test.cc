#include "copper/cache/table.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "copper/cache/cache.h"

namespace copper::cache {
namespace {

using Strings = Table<PathKey, std::shared_ptr<const std::string>>;

std::shared_ptr<const std::string> Text(const std::string& text) {
  return std::make_shared<const std::string>(text);
}

TEST(Table, GivesBackWhatWasPut) {
  Strings table;
  EXPECT_FALSE(table.Get({"/a"}));
  table.Put({"/a"}, Text("one"), 10);
  table.Put({"/b"}, Text("two"), 20);
  EXPECT_EQ(**table.Get({"/a"}), "one");
  EXPECT_EQ(**table.Get({"/b"}), "two");
  EXPECT_EQ(table.usage().entries, 2U);
  EXPECT_EQ(table.usage().bytes, 30U);
}

TEST(Table, PutReplacesValueAndCharge) {
  Strings table;
  table.Put({"/a"}, Text("one"), 100);
  table.Put({"/a"}, Text("two"), 7);
  EXPECT_EQ(**table.Get({"/a"}), "two");
  EXPECT_EQ(table.usage().entries, 1U);
  EXPECT_EQ(table.usage().bytes, 7U);
  table.Put({"/a"}, Text("three"), 70);
  EXPECT_EQ(table.usage().bytes, 70U);
}

TEST(Table, EraseGivesTheChargeBack) {
  Strings table;
  table.Put({"/a"}, Text("one"), 10);
  table.Put({"/b"}, Text("two"), 0);
  EXPECT_TRUE(table.Erase({"/a"}));
  EXPECT_FALSE(table.Erase({"/a"}));
  EXPECT_FALSE(table.Get({"/a"}));
  EXPECT_EQ(table.usage().entries, 1U);
  EXPECT_EQ(table.usage().bytes, 0U);
}

TEST(Table, WhatWasGotOutlivesTheEntry) {
  Strings table;
  const std::weak_ptr<const std::string> watch = [&table] {
    auto text = Text("one");
    table.Put({"/a"}, text, 3);
    return std::weak_ptr(text);
  }();
  {
    const auto held = table.Get({"/a"});
    table.Erase({"/a"});
    EXPECT_EQ(**held, "one");
  }
  EXPECT_TRUE(watch.expired()) << "and is freed with its last reader";
}

TEST(Table, ChunksOfDifferentVersionsAreDifferentKeys) {
  Cache cache;
  const FileVersion version{1, 2, 3};
  const auto put = [&](const ChunkKey& key, size_t size) { cache.data().Put(key, Bytes::Zeros(size), size); };
  put({"/f", version, 0}, 1);
  put({"/f", version, 1}, 2);
  put({"/f", {1, 2, 4}, 0}, 3);
  put({"/f", {1, 5, 3}, 0}, 4);
  put({"/f", {9, 2, 3}, 0}, 5);
  put({"/g", version, 0}, 6);
  EXPECT_EQ(cache.data().usage().entries, 6U);
  EXPECT_EQ(cache.data().Get({"/f", version, 0})->size(), 1U);
  EXPECT_EQ(cache.data().Get({"/f", {1, 5, 3}, 0})->size(), 4U);
  EXPECT_EQ(cache.data().Get({"/g", version, 0})->size(), 6U);
  EXPECT_EQ(cache.metadata().usage().entries, 0U);
}

TEST(Table, ThreadsSeeWholeValuesAndTheSumsStayRight) {
  Strings table;
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 4000; ++i) {
        const PathKey key{"/" + std::to_string((i * 7 + t) % 100)};
        if (i % 3 == 0) table.Put(key, Text(key.path), i % 50);
        if (i % 7 == 0) table.Erase(key);
        const auto found = table.Get(key);
        EXPECT_TRUE(!found || **found == key.path);
      }
    });
  }
  threads.clear();
  for (int i = 0; i < 100; ++i) table.Erase({"/" + std::to_string(i)});
  EXPECT_EQ(table.usage().entries, 0U);
  EXPECT_EQ(table.usage().bytes, 0U);
}

}  // namespace
}  // namespace copper::cache

#include "copper/cache/table.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "copper/cache/cache.h"

namespace copper::cache {
namespace {

// A value that tells whether others hold it.
struct Shared : std::shared_ptr<const std::string> {
  using shared_ptr::shared_ptr;
};
bool IsInUse(const Shared& text) {
  return text.use_count() > 1;
}

using Strings = Table<PathKey, Shared>;

Shared Text(const std::string& text) {
  return Shared(new std::string(text));
}

// What an entry takes beside its charge.
uint64_t EntrySize() {
  Budget budget{UINT64_MAX};
  Strings table{budget};
  table.Put({"/a"}, Text("one"), 0);
  return table.usage().bytes;
}

TEST(Table, GivesBackWhatWasPut) {
  Budget budget{UINT64_MAX};
  Strings table{budget};
  EXPECT_FALSE(table.Get({"/a"}));
  table.Put({"/a"}, Text("one"), 10);
  table.Put({"/b"}, Text("two"), 20);
  EXPECT_EQ(**table.Get({"/a"}), "one");
  EXPECT_EQ(**table.Get({"/b"}), "two");
  EXPECT_EQ(table.usage().entries, 2U);
  EXPECT_EQ(table.usage().bytes, 2 * EntrySize() + 30);
}

TEST(Table, PutReplacesValueAndCharge) {
  Budget budget{UINT64_MAX};
  Strings table{budget};
  table.Put({"/a"}, Text("one"), 100);
  table.Put({"/a"}, Text("two"), 7);
  EXPECT_EQ(**table.Get({"/a"}), "two");
  EXPECT_EQ(table.usage().entries, 1U);
  EXPECT_EQ(table.usage().bytes, EntrySize() + 7);
  table.Put({"/a"}, Text("three"), 70);
  EXPECT_EQ(table.usage().bytes, EntrySize() + 70);
}

TEST(Table, EraseGivesTheChargeBack) {
  Budget budget{UINT64_MAX};
  Strings table{budget};
  table.Put({"/a"}, Text("one"), 10);
  table.Put({"/b"}, Text("two"), 0);
  EXPECT_TRUE(table.Erase({"/a"}));
  EXPECT_FALSE(table.Erase({"/a"}));
  EXPECT_FALSE(table.Get({"/a"}));
  EXPECT_EQ(table.usage().entries, 1U);
  EXPECT_EQ(table.usage().bytes, EntrySize());
}

TEST(Table, WhatWasGotOutlivesTheEntry) {
  Budget budget{UINT64_MAX};
  Strings table{budget};
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
  const FileVersion version{1, 2, {3, 4}};
  const auto put = [&](const ChunkKey& key, size_t size) {
    cache.data().Put(key, {.chunk = {Bytes::Zeros(size)}}, size);
  };
  put({"/f", version, 0}, 1);
  put({"/f", version, 1}, 2);
  put({"/f", {1, 2, {4, 4}}, 0}, 3);
  put({"/f", {1, 5, {3, 4}}, 0}, 4);
  put({"/f", {9, 2, {3, 4}}, 0}, 5);
  put({"/g", version, 0}, 6);
  put({"/f", {1, 2, {3, 5}}, 0}, 7);
  EXPECT_EQ(cache.data().usage().entries, 7U);
  EXPECT_EQ(cache.data().Get({"/f", version, 0})->chunk.bytes.size(), 1U);
  EXPECT_EQ(cache.data().Get({"/f", {1, 5, {3, 4}}, 0})->chunk.bytes.size(), 4U);
  EXPECT_EQ(cache.data().Get({"/g", version, 0})->chunk.bytes.size(), 6U);
  EXPECT_EQ(cache.metadata().usage().entries, 0U);
}

TEST(Table, ThreadsSeeWholeValuesAndTheSumsStayRight) {
  Budget budget{UINT64_MAX};
  Strings table{budget};
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

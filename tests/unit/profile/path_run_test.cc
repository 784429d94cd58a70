#include "copper/profile/path_run.h"

#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace copper::profile {
namespace {

using Table = std::map<std::string, PathUse>;

// Paths as they are: long common beginnings, any byte.
Table RandomPaths(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  Table table;
  while (table.size() < count) {
    std::string path;
    for (uint64_t depth = 1 + random() % 4; depth > 0; --depth) {
      path += "/a-directory-with-a-name-" + std::to_string(random() % 30);
    }
    path += '/';
    for (uint64_t left = random() % 6; left > 0; --left) path += static_cast<char>(1 + random() % 255);
    table[path] = {static_cast<PathKind>(random() % 6), random(), random() % 9, 0, random() % 2, 1, random() % 5'000};
  }
  return table;
}

PathRun RunOf(const Table& table) {
  PathRun run;
  for (const auto& [path, use] : table) run.Append(path, use);
  return run;
}

Table TableOf(const PathRun& run) {
  Table table;
  run.ForEach([&](std::string_view path, const PathUse& use) { table.emplace(path, use); });
  return table;
}

PathCursor CursorOf(PathRun& run) {
  return PathCursor([&run] { return run.TakePiece(); });
}

TEST(PathRun, IsEmptyAtFirst) {
  PathRun run;
  EXPECT_TRUE(run.empty());
  EXPECT_FALSE(run.TakePiece().has_value());
}

TEST(PathRun, GivesBackWhatWasAppended) {
  const Table table = RandomPaths(1, 60'000);
  const PathRun run = RunOf(table);
  EXPECT_EQ(run.rows(), table.size());
  EXPECT_EQ(TableOf(run), table);
  EXPECT_EQ(TableOf(run), table) << "reading takes nothing away";
}

TEST(PathRun, PiecesAreBounded) {
  PathRun run;
  for (int i = 0; i < 40; ++i) run.Append(std::to_string(100 + i) + std::string(PathRun::kMaxPath - 10, 'x'), {});
  size_t pieces = 0;
  while (const auto piece = run.TakePiece()) {
    EXPECT_LE(piece->size(), PathRun::kMaxPiece);
    ++pieces;
  }
  EXPECT_GE(pieces, 3U);
}

TEST(PathRun, LeavesOutWhatIsNotInOrderOrTooLong) {
  PathRun run;
  run.Append("/b", {.events = 1});
  run.Append("/a", {.events = 1});
  run.Append("/b", {.events = 1});
  run.Append("/c" + std::string(PathRun::kMaxPath, 'x'), {});
  EXPECT_EQ(TableOf(run), (Table{{"/b", {.events = 1}}}));
}

TEST(PathRun, MergesAsATableWould) {
  for (const size_t sizes : {0U, 1U, 3U, 30'000U}) {
    Table expected = RandomPaths(2, sizes);
    const Table other = RandomPaths(3, 20'000);
    PathRun into = RunOf(expected);
    for (const auto& [path, use] : other) expected[path].Merge(use);
    PathRun run = RunOf(other);
    PathCursor cursor = CursorOf(run);
    ASSERT_TRUE(Merge(into, cursor));
    EXPECT_EQ(TableOf(into), expected);
    EXPECT_EQ(into.rows(), expected.size());
  }
}

TEST(PathRun, ACopySharesAndStays) {
  const Table table = RandomPaths(4, 30'000);
  PathRun run = RunOf(table);
  const PathRun copy = run;
  while (run.TakePiece()) continue;
  EXPECT_EQ(TableOf(copy), table);
}

TEST(PathRun, WhatFailsOnItsWayLeavesTheOwnRows) {
  PathRun into = RunOf({{"/a", {.events = 1}}, {"/z", {.events = 1}}});
  PathCursor broken([]() -> Result<std::optional<Bytes>> { return Fail(EHOSTDOWN); });
  const Status merged = Merge(into, broken);
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, EHOSTDOWN);
  EXPECT_EQ(TableOf(into).size(), 2U);
}

// Whatever comes over the network: it is refused or read, and never more than is there.
TEST(PathRun, AnyBytesAreRefusedOrRead) {
  PathRun run = RunOf(RandomPaths(5, 200));
  const Bytes piece = *run.TakePiece();
  std::mt19937_64 random(6);
  size_t refused = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::vector<std::byte> bytes(piece.data(), piece.data() + piece.size());
    bytes.resize(random() % (bytes.size() + 1));
    for (int flips = 0; flips < 3 && !bytes.empty(); ++flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    std::optional<Bytes> given = Bytes::Copy(bytes);
    PathCursor cursor([&]() -> Result<std::optional<Bytes>> { return std::exchange(given, std::nullopt); });
    std::string last;
    Result<bool> more = cursor.Advance();
    for (; more && *more; more = cursor.Advance()) {
      EXPECT_LE(last, cursor.path());
      last = cursor.path();
    }
    if (!more) ++refused;
  }
  EXPECT_GT(refused, 2'000U);
}

TEST(PathUse, WhatExistsWinsOverWhatIsAbsent) {
  PathUse use{.kind = PathKind::kAbsent, .events = 2, .negative = 2};
  use.Merge({.kind = PathKind::kFile, .events = 1, .misses = 1, .bytes = 10});
  EXPECT_EQ(use, (PathUse{.kind = PathKind::kFile, .events = 3, .misses = 1, .negative = 2, .bytes = 10}));
}

}  // namespace
}  // namespace copper::profile

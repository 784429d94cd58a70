#include "profile/space_saving.h"  // private to the module

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "profile/top_paths.h"

namespace copper::profile {
namespace {

using testing::ElementsAre;
using testing::Field;

const PathUse kOne = {.kind = PathKind::kFile, .events = 1, .bytes = 10};

// Paths of a skewed distribution, as those of programs are.
class Stream {
 public:
  explicit Stream(unsigned seed) : random_(seed) {}
  std::string Next() {
    const double uniform = std::uniform_real_distribution<double>(0.0001, 1)(random_);
    const std::string path = "/p" + std::to_string(static_cast<int>(1 / uniform));
    ++true_events_[path];
    ++all_;
    return path;
  }
  const std::map<std::string, uint64_t>& true_events() const { return true_events_; }
  uint64_t all() const { return all_; }

 private:
  std::mt19937 random_;
  std::map<std::string, uint64_t> true_events_;
  uint64_t all_ = 0;
};

void ExpectGuarantees(const std::vector<TopPath>& rows, const std::map<std::string, uint64_t>& true_events,
                      uint64_t all, size_t capacity) {
  EXPECT_LE(rows.size(), capacity);
  std::map<std::string, TopPath> by_path;
  for (const TopPath& row : rows) {
    const uint64_t really = true_events.at(row.path);
    EXPECT_GE(row.events, really) << row.path;
    EXPECT_LE(row.events - row.excess, really) << row.path;
    EXPECT_LE(row.excess, all / capacity) << row.path;
    EXPECT_LE(row.use.events, really) << row.path;
    EXPECT_TRUE(by_path.emplace(row.path, row).second) << row.path << " is there twice";
  }
  for (const auto& [path, events] : true_events) {
    if (events > all / capacity) {
      EXPECT_TRUE(by_path.contains(path)) << path << " with " << events;
    }
  }
}

TEST(SpaceSaving, IsExactWhileThereIsRoom) {
  SpaceSaving sketch(1);  // keeps 8
  for (int i = 0; i < 3; ++i) sketch.Add("/often", kOne);
  for (int i = 0; i < 2; ++i) sketch.Add("/again", kOne);
  sketch.Add("/once", kOne);
  const std::vector<TopPath> rows = sketch.Rows();
  ASSERT_THAT(rows, ElementsAre(Field(&TopPath::path, "/often"), Field(&TopPath::path, "/again"),
                                Field(&TopPath::path, "/once")));
  EXPECT_EQ(rows[0].events, 3U);
  EXPECT_EQ(rows[0].excess, 0U);
  EXPECT_EQ(rows[0].use, (PathUse{.kind = PathKind::kFile, .events = 3, .bytes = 30}));
}

TEST(SpaceSaving, KeepsItsGuaranteesWhateverTheNumberOfPaths) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Stream stream(seed);
    SpaceSaving sketch(4);
    for (int i = 0; i < 100'000; ++i) sketch.Add(stream.Next(), kOne);
    ExpectGuarantees(sketch.Rows(), stream.true_events(), stream.all(), TopCapacity(4));
    EXPECT_EQ(sketch.Rows()[0].path, "/p1");
  }
}

TEST(SpaceSaving, KeepsThemWhenSketchesOfSeveralThreadsAreMerged) {
  constexpr int kSketches = 6;
  Stream stream(9);
  std::deque<SpaceSaving> sketches;
  for (int i = 0; i < kSketches; ++i) sketches.emplace_back(4U);
  // Each thread sees paths that others see, and some of its own.
  for (int i = 0; i < 100'000; ++i) sketches[static_cast<size_t>(i % kSketches)].Add(stream.Next(), kOne);
  std::vector<TopPath> merged;
  for (const SpaceSaving& sketch : sketches) MergeTop(merged, sketch.Rows(), 4);
  ExpectGuarantees(merged, stream.true_events(), stream.all(), TopCapacity(4));
}

TEST(SpaceSaving, WithoutPathsKeepsNone) {
  SpaceSaving sketch(0);
  sketch.Add("/a", kOne);
  EXPECT_TRUE(sketch.Rows().empty());
}

}  // namespace
}  // namespace copper::profile

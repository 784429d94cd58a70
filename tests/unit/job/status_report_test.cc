#include "copper/job/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copper/wire/header.h"

namespace copper::job {
namespace {

using testing::ElementsAre;

// The status of one rank that has counted `looks` lookups.
Json StatusOf(Rank rank, uint64_t looks, bool mounted = true) {
  RankIdentity who;
  who.rank = rank;
  who.host = "node" + std::to_string(rank);
  profile::Counters counters;
  for (uint64_t i = 0; i < looks; ++i) counters.Count(profile::Operation::kLookup);
  counters.Count(profile::Event::kBytesFromParent, 1000 * looks);
  profile::CacheUse cache{.budget_bytes = 1 << 20, .held_bytes = 164, .evictions = 2};
  cache.tables[static_cast<size_t>(profile::Table::kMetadata)] = {.entries = 1, .bytes = 164};
  rpc::ChannelCounters channel;
  channel.sent = 3;
  const tree::Forest forest(7, 2, 1);
  return RankStatus(who, {std::chrono::milliseconds(1500), mounted, ResidentBytes()}, counters, cache, channel, forest);
}

TEST(RankStatus, TellsWhatIsCounted) {
  const Json status = StatusOf(1, 5);
  EXPECT_EQ(status["rank"], 1);
  EXPECT_EQ(status["uptime_s"], 1.5);
  EXPECT_EQ(status["requests"]["lookup"], 5);
  EXPECT_EQ(status["requests"]["total"], 5);
  EXPECT_EQ(status["events"]["bytes_from_parent"], 5000);
  EXPECT_EQ(status["cache"]["metadata"]["entries"], 1);
  EXPECT_GE(status["cache"]["metadata"]["bytes"], 100);
  EXPECT_EQ(status["cache"]["budget"]["held_bytes"], status["cache"]["metadata"]["bytes"]);
  EXPECT_EQ(status["cache"]["budget"]["limit_bytes"], 1 << 20);
  EXPECT_EQ(status["cache"]["budget"]["evictions"], 2);
  EXPECT_EQ(status["cache"]["tree"]["entries"], 0);
  EXPECT_EQ(status["cache"]["data"]["bytes"], 0);
  EXPECT_EQ(status["channel"]["sent"], 3);
  EXPECT_EQ(status["tree"]["parent"], 0);
  EXPECT_EQ(status["tree"]["children"], Json::array({3, 4}));
  EXPECT_EQ(status["tree"]["depth"], 1);
  EXPECT_GT(status["memory"]["rss_bytes"].get<uint64_t>(), 100'000U);
}

TEST(RankStatus, TheRootHasNoParent) {
  EXPECT_TRUE(StatusOf(0, 0)["tree"]["parent"].is_null());
}

TEST(MergeStatus, TheLongestWaitsOfTheJobAreTold) {
  Json merged = EmptyStatus();
  for (Rank rank = 0; rank < 10; ++rank) {
    Json status = StatusOf(rank, 1);
    status["waits"] = WaitsJson(rank, {{"reading", "/a", "the source", std::chrono::seconds(10 + rank)}});
    MergeStatus(merged, MergedStatus(std::move(status)));
  }
  const Json& waits = merged["totals"]["waits"];
  ASSERT_EQ(waits.size(), kMostWaits);
  EXPECT_EQ(waits[0]["rank"], 9);
  EXPECT_EQ(waits[0]["seconds"], 19);
  EXPECT_EQ(waits[0]["for"], "the source");
  EXPECT_EQ(waits[7]["seconds"], 12);
}

TEST(MergeStatus, SumsAndKeepsEachRank) {
  Json merged = MergedStatus(StatusOf(0, 5));
  MergeStatus(merged, MergedStatus(StatusOf(1, 7, /*mounted=*/false)));
  ASSERT_EQ(merged["ranks"].size(), 2U);
  EXPECT_EQ(merged["ranks"][1]["host"], "node1");
  const Json& totals = merged["totals"];
  EXPECT_EQ(totals["ranks"], 2);
  EXPECT_EQ(totals["mounted"], 1);
  EXPECT_EQ(totals["requests"]["lookup"], 12);
  EXPECT_EQ(totals["events"]["bytes_from_parent"], 12000);
  const auto of_one = merged["ranks"][0]["cache"]["metadata"]["bytes"].get<uint64_t>();
  EXPECT_EQ(totals["cache"]["metadata"]["bytes"], 2 * of_one);
  EXPECT_EQ(totals["channel"]["sent"], 6);
  EXPECT_TRUE(totals["unreachable"].empty());
}

TEST(MergeStatus, NamesWhoDoesNotAnswer) {
  Json left = MergedStatus(StatusOf(0, 1));
  Json right = MergedStatus(StatusOf(1, 1));
  MergeUnreachable(left, 5);
  MergeUnreachable(right, 3);
  MergeStatus(left, right);
  EXPECT_EQ(left["totals"]["unreachable"], Json::array({5, 3}));
  EXPECT_EQ(left["totals"]["ranks"], 2);
}

TEST(EncodeStatus, SurvivesTheWay) {
  const Json status = MergedStatus(StatusOf(2, 3));
  const Result<Json> decoded = DecodeStatus(EncodeStatus(status));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->dump(), status.dump());
}

TEST(EncodeStatus, WhatIsTooLongKeepsItsTotals) {
  Json merged = MergedStatus(StatusOf(0, 1));
  for (Rank rank = 1; rank < 1500; ++rank) MergeStatus(merged, MergedStatus(StatusOf(rank, 1)));
  const Bytes payload = EncodeStatus(merged);
  EXPECT_LE(payload.size(), wire::kMaxPayload);
  const Result<Json> decoded = DecodeStatus(payload);
  ASSERT_TRUE(decoded);
  EXPECT_TRUE((*decoded)["ranks"].empty());
  EXPECT_EQ((*decoded)["totals"]["ranks_left_out"], 1500);
  EXPECT_EQ((*decoded)["totals"]["requests"]["lookup"], 1500);
}

TEST(EncodeStatus, NamesNeedNotBeUtf8) {
  Json status = StatusOf(0, 0);
  status["mount"] = "/tmp/\xff";
  EXPECT_TRUE(DecodeStatus(EncodeStatus(MergedStatus(status))));
}

TEST(DecodeStatus, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "x", "{}", "[]", R"({"ranks":1,"totals":{}})", R"({"ranks":[],"totals":{}})",
        R"({"ranks":[],"totals":{"unreachable":1}})", R"({"ranks":[],"totals":{"unreachable":[],"waits":{}}})",
        R"({"ranks":[],"totals":{"unreachable":[],"waits":[1]}})",
        R"({"ranks":[],"totals":{"unreachable":[],"waits":[{"seconds":"x"}]}})"}) {
    EXPECT_FALSE(DecodeStatus(Bytes::Copy(std::as_bytes(std::span(text))))) << text;
  }
}

TEST(MergeStatus, OddTypesDoNoHarm) {
  Json merged = MergedStatus(StatusOf(0, 1));
  Json odd = MergedStatus(StatusOf(1, 1));
  odd["totals"]["requests"]["lookup"] = "many";
  odd["totals"]["events"] = 5;
  odd["totals"]["new"] = {{"thing", 7U}};
  MergeStatus(merged, odd);
  EXPECT_EQ(merged["totals"]["requests"]["lookup"], 1);
  EXPECT_EQ(merged["totals"]["new"]["thing"], 7);
}

}  // namespace
}  // namespace copper::job

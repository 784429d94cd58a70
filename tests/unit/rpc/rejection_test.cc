// What arrives and must not be believed.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "copper/base/files.h"
#include "fixture.h"

namespace copper::rpc {
namespace {

using std::chrono::seconds;

class RejectionTest : public ChannelTest {
 protected:
  RejectionTest() {
    handlers_[1].SetScript([this](Rank from, Request request, TimePoint, Responder respond) {
      if (from != 1) ++handled_;
      respond({.payload = BytesOf(request.path)});
    });
    StartAll();
  }

  // What rank 1 has rejected since the last time: unparsable, foreign.
  std::pair<uint64_t, uint64_t> Rejected() {
    Settle(1);
    const ChannelCounters now = channel(1).counters();
    const ChannelCounters before = std::exchange(last_, now);
    return {now.rejected_unparsable - before.rejected_unparsable, now.rejected_foreign - before.rejected_foreign};
  }

  using Counts = std::pair<uint64_t, uint64_t>;
  static constexpr Counts kAccepted{0, 0};
  static constexpr Counts kUnparsable{1, 0};
  static constexpr Counts kForeign{0, 1};

  const wire::Header good_{.origin = 0, .request_id = uint64_t{1} << 32 | 77, .remaining_ms = 1000};
  std::atomic<int> handled_{0};
  ChannelCounters last_;
};

TEST_F(RejectionTest, AGoodRequestIsHandled) {
  Inject(1, good_, BytesOf("/a"), job_);
  EXPECT_EQ(Rejected(), kAccepted);
  EXPECT_EQ(handled_, 1);
}

TEST_F(RejectionTest, GarbageOfAnySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, wire::kHeaderSize - 1, wire::kHeaderSize,
                            wire::kHeaderSize + 1, size_t{1000}}) {
    fabric_.Inject(1, {std::vector<std::byte>(size, std::byte{0x5a}), BytesOf("payload")});
    EXPECT_EQ(Rejected(), kUnparsable) << size;
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(RejectionTest, OtherJobsAndWrongTags) {
  const JobIdentity other = JobIdentity::Random().value();
  Inject(1, good_, BytesOf("/a"), other);
  EXPECT_EQ(Rejected(), kForeign);
  Inject(1, good_, BytesOf("/a"), {job_.id, other.key});
  EXPECT_EQ(Rejected(), kForeign);
  EXPECT_EQ(handled_, 0);
}

TEST_F(RejectionTest, UntaggedMessages) {
  wire::Header header = good_;
  header.job = job_.id;
  auto head = wire::Encode(header, {}, wire::Keys(job_));
  std::fill(head.end() - 16, head.end(), std::byte{0});
  fabric_.Inject(1, {head, {}});
  EXPECT_EQ(Rejected(), kForeign);
  EXPECT_EQ(handled_, 0);
}

TEST_F(RejectionTest, RanksThatDoNotExist) {
  wire::Header header = good_;
  header.origin = kRanks;
  Inject(1, header, BytesOf("/a"), job_);
  EXPECT_EQ(Rejected(), kForeign);
  header.flags = wire::kReply;
  header.origin = UINT32_MAX;
  Inject(1, header, {}, job_);
  EXPECT_EQ(Rejected(), kForeign);
  EXPECT_EQ(handled_, 0);
}

TEST_F(RejectionTest, PathsThatLeadElsewhere) {
  for (const std::string_view path : {"", "a", "//", "/a/", "/a//b", "/..", "/a/../b", "/./a", "/a/.", "../a"}) {
    Inject(1, good_, BytesOf(path), job_);
    EXPECT_EQ(Rejected(), kUnparsable) << path;
  }
  Inject(1, good_, BytesOf(std::string_view("/a\0b", 4)), job_);
  EXPECT_EQ(Rejected(), kUnparsable);
  EXPECT_EQ(handled_, 0);
  for (const std::string_view path : {"/", "/a", "/a/b", "/...", "/..a/b.", "/\xff\xfe"}) {
    Inject(1, good_, BytesOf(path), job_);
    EXPECT_EQ(Rejected(), kAccepted) << path;
  }
  EXPECT_EQ(handled_, 6);
}

// A rank may answer for itself only, and only what it was asked.
TEST_F(RejectionTest, RepliesOfSomebodyElse) {
  fabric_.SetFilter(
      [](Rank from, Rank to) { return from == 1 && to == 2 ? fakes::Fate::kHold : fakes::Fate::kDeliver; });
  Outcome outcome = Ask(1, 2);
  const wire::Header forged{.flags = wire::kReply, .origin = 0, .request_id = uint64_t{2} << 32, .credits = 1};
  Inject(1, forged, {}, job_);
  EXPECT_EQ(Rejected(), kForeign);
  EXPECT_FALSE(outcome.IsThere());
  fabric_.ReleaseHeld();
  EXPECT_EQ(outcome.Error(), 0);
  EXPECT_EQ(channel(1).counters().late_replies, 0U);
}

TEST_F(RejectionTest, RepliesNobodyWaitsFor) {
  Inject(1, {.flags = wire::kReply, .origin = 0, .request_id = 5}, {}, job_);
  EXPECT_EQ(Rejected(), kAccepted);
  EXPECT_EQ(channel(1).counters().late_replies, 1U);
}

TEST_F(RejectionTest, RepliesOfAnotherKindEndTheRequest) {
  fabric_.SetFilter(
      [](Rank from, Rank to) { return from == 1 && to == 2 ? fakes::Fate::kDrop : fakes::Fate::kDeliver; });
  Outcome outcome = Ask(1, 2);
  Inject(1, {.kind = Kind::kStop, .flags = wire::kReply, .origin = 2, .request_id = uint64_t{2} << 32, .credits = 1},
         {}, job_);
  EXPECT_EQ(outcome.Error(), EBADMSG);
  EXPECT_EQ(Rejected(), kUnparsable);
}

// What a rank has sent to another, as somebody on the way records and repeats it.
class ReplayTest : public ChannelTest {
 protected:
  struct Recorded {
    Rank from, to;
    std::vector<std::byte> head, payload;
  };

  ReplayTest() {
    fabric_.SetTamper([this](Rank from, Rank to, std::span<std::byte> head, std::span<std::byte> payload) {
      sent_.push_back({from, to, {head.begin(), head.end()}, {payload.begin(), payload.end()}});
    });
    handlers_[1].SetScript([this](Rank from, Request request, TimePoint, Responder respond) {
      if (from != 1) handled_.push_back(request.path);
      respond({.payload = BytesOf(request.path)});
    });
    StartAll();
  }

  std::vector<Recorded> Recording() {
    fabric_.SetTamper({});
    return std::exchange(sent_, {});
  }
  void Repeat(const Recorded& message, Rank to) { fabric_.Inject(to, {message.head, Bytes::Copy(message.payload)}); }

  std::vector<Recorded> sent_;        // under the fabric's lock
  std::vector<std::string> handled_;  // by rank 1's thread; read once it has settled
};

TEST_F(ReplayTest, RequestsStartNothingTwice) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(0, 1, "/" + std::to_string(i)).Error(), 0);
  const auto recorded = Recording();
  for (int round = 0; round < 3; ++round) {
    for (const Recorded& message : recorded) Repeat(message, message.to);
  }
  Settle(0);
  Settle(1);
  EXPECT_EQ(handled_.size(), 10U);
  EXPECT_EQ(channel(1).counters().rejected_replayed, 30U);
  EXPECT_EQ(channel(0).counters().rejected_replayed, 30U) << "replies";
  EXPECT_EQ(channel(0).counters().late_replies, 0U);
}

TEST_F(ReplayTest, NorAtAnotherRank) {
  EXPECT_EQ(Ask(0, 2, "/elsewhere").Error(), 0);
  for (const Recorded& message : Recording()) {
    Repeat(message, 1);
    Repeat(message, message.from);  // sent back
  }
  Settle(0);
  Settle(1);
  EXPECT_TRUE(handled_.empty());
  EXPECT_EQ(channel(1).counters().rejected_foreign, 2U);
  EXPECT_EQ(channel(1).counters().rejected_replayed, 0U);
}

TEST_F(ReplayTest, MessagesThatWereOvertakenAreTakenOnce) {
  std::atomic<int> sent = 0;
  fabric_.SetFilter([&](Rank from, Rank to) {
    return from == 0 && to == 1 && sent++ % 2 == 0 ? fakes::Fate::kHold : fakes::Fate::kDeliver;
  });
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 20; ++i) outcomes.push_back(Ask(0, 1, "/" + std::to_string(i)));
  for (size_t i = 1; i < outcomes.size(); i += 2) EXPECT_EQ(outcomes[i].Error(), 0);
  fabric_.SetFilter({});
  fabric_.ReleaseHeld();
  for (size_t i = 0; i < outcomes.size(); i += 2) EXPECT_EQ(outcomes[i].Error(), 0);
  for (const Recorded& message : Recording()) Repeat(message, message.to);
  Settle(1);
  EXPECT_EQ(handled_.size(), 20U);
  EXPECT_EQ(channel(1).counters().rejected_replayed, 20U);
}

// The first of each sort is logged, so that a flood does not fill the disk.
TEST(RejectionLogTest, OneWarningForEachSort) {
  char directory[] = "/tmp/copper-rpc-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string file = std::string(directory) + "/log";
  const JobIdentity job = JobIdentity::Random().value();
  {
    Logger log(LogLevel::kWarning, LogType::kFile, file);
    const SteadyClock clock;
    fakes::LoopbackFabric fabric(1);
    ScriptedHandler handler;
    FabricChannel channel({.self = 0, .ranks = 1, .keys = wire::Keys(job)}, fabric.endpoint(0), clock, log);
    channel.Start(handler);
    wire::Header other;
    other.job[0] = ~job.id[0];
    for (int i = 0; i < 3; ++i) {
      fabric.Inject(0, {std::vector<std::byte>(wire::kHeaderSize), {}});
      fabric.Inject(0, {wire::Encode(other, {}, wire::Keys(job)), {}});
    }
    Outcome settled;
    channel.Call(0, {.path = "/a"}, kNever, settled.Done());
    EXPECT_EQ(settled.Error(), 0);
    EXPECT_EQ(channel.counters().rejected_unparsable, 3U);
    EXPECT_EQ(channel.counters().rejected_foreign, 3U);
  }
  const std::string text = ReadWholeFile(file).value();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
  unlink(file.c_str());
  rmdir(directory);
}

}  // namespace
}  // namespace copper::rpc

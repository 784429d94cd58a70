#include "copper/rpc/channel.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "copper/base/chunk_size.h"
#include "copper/base/files.h"
#include "fixture.h"

namespace copper::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(ChannelTest, EchoBetweenAllRanks) {
  StartAll();
  for (Rank from = 0; from < kRanks; ++from) {
    for (Rank to = 0; to < kRanks; ++to) {
      Result<Reply> reply = Ask(from, to, "/usr/lib").Get();
      ASSERT_TRUE(reply) << reply.error().code;
      EXPECT_EQ(Text(reply->payload), "/usr/lib");
    }
  }
}

TEST_F(ChannelTest, EveryFieldOfRequestAndReplyArrives) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  const FileVersion version{5, 6, {-7, 8}};
  Outcome outcome = Ask(0, 1,
                        {.kind = Kind::kList,
                         .path = "/dir",
                         .version = version,
                         .ctime = {-9, 10},
                         .argument = 1ULL << 40,
                         .argument2 = 9,
                         .hops = 2},
                        seconds(5));
  auto items = inbox.Take(1);
  const Request& request = items[0].request;
  EXPECT_EQ(items[0].from, 0U);
  EXPECT_EQ(items[0].deadline, clock_.Now() + seconds(5));
  EXPECT_EQ(request.kind, Kind::kList);
  EXPECT_EQ(request.path, "/dir");
  EXPECT_EQ(request.version, version);
  EXPECT_EQ(request.ctime, (FileTime{-9, 10}));
  EXPECT_EQ(request.argument, 1ULL << 40);
  EXPECT_EQ(request.argument2, 9U);
  EXPECT_EQ(request.hops, 2U);
  items[0].respond({.error = ENOENT,
                    .flags = wire::kUnchanged,
                    .version = {1, 2, {3, 4}},
                    .ctime = {5, 6},
                    .argument = 4,
                    .argument2 = 5});
  const Result<Reply> reply = outcome.Get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error, ENOENT);
  EXPECT_EQ(reply->flags, wire::kUnchanged);
  EXPECT_EQ(reply->version, (FileVersion{1, 2, {3, 4}}));
  EXPECT_EQ(reply->ctime, (FileTime{5, 6}));
  EXPECT_EQ(reply->argument, 4U);
  EXPECT_EQ(reply->argument2, 5U);
  EXPECT_TRUE(reply->payload.empty());
}

TEST_F(ChannelTest, TheTimeThatRemainsIsSentAndNotTheWholeTime) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  Outcome first = Ask(0, 1, "/first");
  Outcome second = Ask(0, 1, "/second", milliseconds(5000));  // waits for the credit
  auto items = inbox.Take(1);
  clock_.Advance(milliseconds(3000));
  items[0].respond({});
  EXPECT_EQ(first.Error(), 0);
  items = inbox.Take(1);
  EXPECT_EQ(items[0].deadline, clock_.Now() + milliseconds(2000));
  items[0].respond({});
  EXPECT_EQ(second.Error(), 0);
}

TEST_F(ChannelTest, PayloadsAreSharedOverTheFabric) {
  const Bytes chunk = Bytes::Zeros(kChunkSize);
  handlers_[1].SetScript([&](Rank, Request, TimePoint, Responder respond) { respond({.payload = chunk}); });
  StartAll();
  const Result<Reply> reply = Ask(0, 1).Get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->payload.data(), chunk.data());
  EXPECT_EQ(reply->payload.size(), kChunkSize);
}

TEST_F(ChannelTest, ZerosTravelAsACount) {
  handlers_[1].SetScript([](Rank, Request request, TimePoint, Responder respond) {
    if (request.path == "/count") return respond({.flags = wire::kZeros, .argument = 1000});
    respond({.flags = wire::kZeros, .payload = Bytes::Zeros(2000)});  // passed on as it came
  });
  StartAll();
  const Result<Reply> counted = Ask(0, 1, {.kind = Kind::kRead, .path = "/count"}).Get();
  const Result<Reply> passed_on = Ask(0, 1, {.kind = Kind::kRead, .path = "/passed_on"}).Get();
  ASSERT_TRUE(counted && passed_on);
  EXPECT_EQ(counted->payload.size(), 1000U);
  EXPECT_EQ(passed_on->payload.size(), 2000U);
  EXPECT_TRUE(IsZero(passed_on->payload.span()));
  EXPECT_EQ(channel(1).counters().bytes_sent, 0U);
}

TEST_F(ChannelTest, ZerosBeyondAChunkOrOfAnotherKindAreRejected) {
  handlers_[1].SetScript([](Rank, Request request, TimePoint, Responder respond) {
    respond({.flags = wire::kZeros, .argument = request.argument});
  });
  StartAll();
  EXPECT_EQ(Ask(0, 1, {.kind = Kind::kRead, .path = "/a", .argument = kChunkSize}).Error(), 0);
  EXPECT_EQ(Ask(0, 1, {.kind = Kind::kRead, .path = "/a", .argument = kChunkSize + 1}).Error(), EBADMSG);
  EXPECT_EQ(Ask(0, 1, {.kind = Kind::kLook, .path = "/a", .argument = 1}).Error(), EBADMSG);
  EXPECT_EQ(channel(0).counters().rejected_unparsable, 2U);
}

TEST_F(ChannelTest, PayloadLimits) {
  handlers_[1].SetScript([](Rank, Request request, TimePoint, Responder respond) {
    respond({.payload = Bytes::Zeros(request.argument)});
  });
  StartAll();
  EXPECT_EQ(Ask(0, 1, Request{.path = "/a", .argument = kChunkSize}).Error(), 0);
  EXPECT_EQ(Ask(0, 1, Request{.path = "/a", .argument = kChunkSize + 1}).Error(), EMSGSIZE);
  EXPECT_EQ(Ask(0, 1, "/" + std::string(wire::kMaxRequestPayload - 1, 'x')).Error(), 0);
  EXPECT_EQ(Ask(0, 1, "/" + std::string(wire::kMaxRequestPayload, 'x')).Error(), ENAMETOOLONG);
}

TEST_F(ChannelTest, AnErrnoThatIsNoneBecomesEio) {
  handlers_[1].SetScript([](Rank, Request, TimePoint, Responder respond) { respond({.error = -5}); });
  StartAll();
  EXPECT_EQ(Ask(0, 1).Error(), EIO);
}

TEST_F(ChannelTest, DroppedResponderAnswersEio) {
  handlers_[1].SetScript([](Rank, Request, TimePoint, Responder) {});
  StartAll();
  EXPECT_EQ(Ask(0, 1).Error(), EIO);
}

TEST_F(ChannelTest, ARequestIsAnsweredOnce) {
  handlers_[1].SetScript([](Rank, Request, TimePoint, Responder respond) {
    respond({.argument = 1});
    respond({.argument = 2});
    Responder moved(std::move(respond));
  });
  StartAll();
  EXPECT_EQ(Ask(0, 1).Get()->argument, 1U);
  EXPECT_EQ(Ask(0, 1).Get()->argument, 1U);
  EXPECT_EQ(channel(1).counters().sent, 2U);
}

TEST_F(ChannelTest, AnswersFromAnotherThread) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  Outcome outcome = Ask(0, 1);
  inbox.Take(1)[0].respond({.argument = 7});
  EXPECT_EQ(outcome.Get()->argument, 7U);
}

TEST_F(ChannelTest, ImpossibleCallsFailAtOnce) {
  StartAll();
  EXPECT_EQ(Ask(0, kRanks).Error(), EINVAL);
  EXPECT_EQ(Ask(0, 1, "/a", milliseconds(0)).Error(), ETIMEDOUT);
  EXPECT_EQ(Ask(0, 1, "/a", milliseconds(-5)).Error(), ETIMEDOUT);
  Outcome never;
  channel(0).Call(1, {.path = "/a"}, kNever, never.Done());
  EXPECT_EQ(never.Error(), 0);
}

TEST_F(ChannelTest, CallsBeforeStartFail) {
  FabricChannel idle({.self = 0, .ranks = kRanks, .keys = wire::Keys(job_)}, fabric_.endpoint(0), clock_, log_);
  Outcome outcome;
  idle.Call(1, {.path = "/a"}, clock_.Now() + kLong, outcome.Done());
  EXPECT_EQ(outcome.Error(), ENOTCONN);
}

TEST_F(ChannelTest, LostRequestTimesOutAndNoSooner) {
  StartAll();
  fabric_.SetFilter([](Rank from, Rank to) { return from == to ? fakes::Fate::kDeliver : fakes::Fate::kDrop; });
  Outcome lost = Ask(0, 1, "/a", seconds(5));
  Outcome longer = Ask(0, 1, "/b", seconds(6));
  clock_.Advance(milliseconds(4999));
  handlers_[0].WantTicks(2);  // a whole tick lies between the two
  channel(0).WantTicks();
  ASSERT_TRUE(handlers_[0].WaitForTicks(2));
  EXPECT_FALSE(lost.IsThere());
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(lost.Error(), ETIMEDOUT);
  EXPECT_FALSE(longer.IsThere());
  clock_.Advance(seconds(1));
  EXPECT_EQ(longer.Error(), ETIMEDOUT);
  EXPECT_EQ(channel(0).counters().timeouts, 2U);
}

TEST_F(ChannelTest, LateReplyIsCountedAndDropped) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  Outcome outcome = Ask(0, 1, "/a", seconds(5));
  auto items = inbox.Take(1);
  clock_.Advance(seconds(5));
  EXPECT_EQ(outcome.Error(), ETIMEDOUT);
  items[0].respond({});
  Settle(0);
  EXPECT_EQ(channel(0).counters().late_replies, 1U);
}

TEST_F(ChannelTest, DisconnectedPeerFailsAtOnceAndComesBack) {
  StartAll();
  fabric_.Disconnect(1);
  EXPECT_EQ(Ask(0, 1).Error(), ECONNRESET);
  EXPECT_EQ(Ask(0, 2).Error(), 0);
  fabric_.Reconnect(1);
  EXPECT_EQ(Ask(0, 1).Error(), 0);
  EXPECT_EQ(channel(0).counters().send_failures, 1U);
}

TEST_F(ChannelTest, AReplyThatCannotBeSentIsCounted) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  Outcome outcome = Ask(0, 1, "/a", seconds(5));
  auto items = inbox.Take(1);
  fabric_.Disconnect(0);
  items[0].respond({});
  EXPECT_EQ(channel(1).counters().send_failures, 1U);
  clock_.Advance(seconds(5));
  EXPECT_EQ(outcome.Error(), ETIMEDOUT);
}

// A callback that asks again when the peer is gone must not grow the stack.
TEST_F(ChannelTest, AskingAgainFromFailedCallsIsNoRecursion) {
  StartAll();
  fabric_.Disconnect(1);
  int left = 20'000;
  std::promise<void> over;
  std::function<void()> again = [&] {
    channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, [&](Result<Reply> reply) {
      EXPECT_FALSE(reply);
      if (--left > 0) return again();
      over.set_value();
    });
  };
  again();
  EXPECT_EQ(over.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(ChannelTest, StopEndsWhatIsPending) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(2);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 10; ++i) outcomes.push_back(Ask(0, 1));  // two under way, eight waiting
  auto items = inbox.Take(2);
  channel(0).Stop();
  for (Outcome& outcome : outcomes) EXPECT_EQ(outcome.Error(), ESHUTDOWN);
  EXPECT_EQ(Ask(0, 1).Error(), ESHUTDOWN);
  channel(0).Stop();
}

TEST_F(ChannelTest, RespondersOutliveTheirChannel) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  Outcome answered = Ask(0, 1);
  Outcome dropped = Ask(0, 1);
  auto items = inbox.Take(1);
  while (items.size() < 2) {
    for (Inbox::Item& item : inbox.Take(1)) items.push_back(std::move(item));
  }
  channels_.erase(channels_.begin() + 1);
  items[0].respond({});
  items.clear();
  clock_.Advance(kLong);
  EXPECT_EQ(answered.Error(), ETIMEDOUT);
  EXPECT_EQ(dropped.Error(), ETIMEDOUT);
}

TEST_F(ChannelTest, TicksOnlyWhileSomethingIsPendingOrWanted) {
  StartAll();
  EXPECT_EQ(Ask(0, 1).Error(), 0);
  handlers_[0].WantTicks(3);
  channel(0).WantTicks();
  EXPECT_TRUE(handlers_[0].WaitForTicks(3));
  // What is pending brings ticks, but none to a handler that does not want them.
  fabric_.SetFilter([](Rank, Rank) { return fakes::Fate::kDrop; });
  Outcome lost = Ask(0, 1, "/a", seconds(1));
  clock_.Advance(seconds(1));
  EXPECT_EQ(lost.Error(), ETIMEDOUT);
  EXPECT_EQ(handlers_[0].ticks(), 3);
  EXPECT_EQ(handlers_[1].ticks(), 0);
}

TEST_F(ChannelTest, FirstSuccessIsLoggedOnce) {
  char directory[] = "/tmp/copper-rpc-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string file = std::string(directory) + "/log";
  Logger log(LogLevel::kInfo, LogType::kFile, file);
  handlers_[0].SetScript([](Rank, Request request, TimePoint, Responder respond) {
    respond({.error = request.path == "/absent" ? ENOENT : 0});
  });
  FabricChannel logging({.self = 0, .ranks = 1, .keys = wire::Keys(job_)}, fabric_.endpoint(0), clock_, log);
  logging.Start(handlers_[0]);
  clock_.Advance(milliseconds(12));
  for (const Request& request : {Request{.kind = Kind::kLook, .path = "/absent"}, Request{.kind = Kind::kStatus},
                                 Request{.kind = Kind::kList, .path = "/lib"}, Request{.path = "/x"}}) {
    Outcome outcome;
    logging.Call(0, request, clock_.Now() + kLong, outcome.Done());
    ASSERT_TRUE(outcome.Get());
  }
  ASSERT_TRUE(log.Flush(std::chrono::minutes(1)));
  const std::string text = ReadWholeFile(file).value();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_TRUE(
      text.ends_with("first successful parent rpc_list completed after 12000 us since provider startup; path=/lib\n"))
      << text;
  unlink(file.c_str());
  rmdir(directory);
}

}  // namespace
}  // namespace copper::rpc

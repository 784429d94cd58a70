#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "copper/base/chunk_size.h"
#include "endpoint_harness.h"

// The provider `net` of libfabric 1.17 forgets an fi_info with every endpoint; tcp;ofi_rxm shows that the rest is
// closed.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfabric.so\n";
}

namespace copper::fabric {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::StartsWith;

class EndpointTest : public testing::TestWithParam<NetworkOptions> {};

TEST_P(EndpointTest, DatagramsOfEverySizeArriveWhole) {
  Network network(GetParam(), 3);
  const std::vector<size_t> sizes = {0, 1, 4096, 256 * 1024 - 1, 256 * 1024, kChunkSize - 1, kChunkSize};
  Outcomes outcomes;
  for (const Rank from : {0u, 1u}) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      const auto number = static_cast<uint32_t>(from * 100 + i);
      network.endpoints[from]->Send(2, MakeDatagram(number, sizes[i]), outcomes.Expect());
    }
  }
  const auto items = network.inboxes[2].WaitFor(2 * sizes.size());
  ASSERT_EQ(items.size(), 2 * sizes.size());
  for (const auto& item : items) {
    const size_t size = sizes[item.number % 100];
    EXPECT_EQ(item.payload.size(), size);
    EXPECT_TRUE(SameBytes(item.payload, Pattern(size, item.number)));
  }
  EXPECT_THAT(outcomes.Wait(), Each(0));
  EXPECT_EQ(outcomes.repeated(), 0);
}

TEST_P(EndpointTest, SmallDatagramsKeepTheirOrder) {
  Network network(GetParam(), 2);
  constexpr uint32_t kCount = 2000;  // more than any send queue takes
  Outcomes outcomes;
  for (uint32_t i = 0; i < kCount; ++i) {
    network.endpoints[0]->Send(1, MakeDatagram(i, 10), outcomes.Expect());
  }
  const auto items = network.inboxes[1].WaitFor(kCount);
  ASSERT_EQ(items.size(), kCount);
  for (uint32_t i = 0; i < kCount; ++i) ASSERT_EQ(items[i].number, i);
  EXPECT_THAT(outcomes.Wait(), Each(0));
}

TEST_P(EndpointTest, ManyThreadsSendBothWaysAtOnce) {
  Network network(GetParam(), 2);
  constexpr uint32_t kThreads = 4, kEach = 100;
  Outcomes outcomes;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < kEach; ++i) {
        const uint32_t number = t * kEach + i;
        network.endpoints[t % 2]->Send(1 - t % 2, MakeDatagram(number, i % 10 == 0 ? kChunkSize : 100),
                                       outcomes.Expect());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<int> seen(kThreads * kEach);
  for (Inbox& inbox : network.inboxes) {
    for (const auto& item : inbox.WaitFor(kThreads * kEach / 2)) {
      ASSERT_LT(item.number, seen.size());
      ++seen[item.number];
      const size_t size = item.number % kEach % 10 == 0 ? kChunkSize : 100;
      EXPECT_TRUE(SameBytes(item.payload, Pattern(size, item.number)));
    }
  }
  EXPECT_THAT(seen, Each(1));
  EXPECT_THAT(outcomes.Wait(), Each(0));
  EXPECT_EQ(outcomes.repeated(), 0);
}

TEST_P(EndpointTest, ASendToOneselfArrives) {
  Network network(GetParam(), 2);
  Outcomes outcomes;
  network.endpoints[1]->Send(1, MakeDatagram(7, 5000), outcomes.Expect());
  const auto items = network.inboxes[1].WaitFor(1);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].number, 7u);
  EXPECT_TRUE(SameBytes(items[0].payload, Pattern(5000, 7)));
  EXPECT_THAT(outcomes.Wait(), Each(0));
}

TEST_P(EndpointTest, BadSendsFailAtOnce) {
  Network network(GetParam(), 2);
  Outcomes outcomes;
  network.endpoints[0]->Send(2, MakeDatagram(1, 0), outcomes.Expect());
  network.endpoints[0]->Send(1, Datagram{std::vector<std::byte>(kHeadSize - 1), {}}, outcomes.Expect());
  network.endpoints[0]->Send(1, MakeDatagram(1, kChunkSize + 1), outcomes.Expect());
  EXPECT_EQ(outcomes.Now(), (std::vector{EINVAL, EMSGSIZE, EMSGSIZE}));
}

TEST_P(EndpointTest, SendsToADeadPeerEndOnceAtTheLatestWithStop) {
  Network network(GetParam(), 3);
  Outcomes before, after, never_met;
  network.endpoints[0]->Send(1, MakeDatagram(1, 10), before.Expect());
  ASSERT_EQ(network.inboxes[1].WaitFor(1).size(), 1u);
  network.endpoints[1].reset();      // after a connection
  network.endpoints.back().reset();  // before one
  network.endpoints.erase(network.endpoints.begin() + 1, network.endpoints.end());
  for (uint32_t i = 0; i < 10; ++i) {
    network.endpoints[0]->Send(1, MakeDatagram(i, kChunkSize), after.Expect());
    network.endpoints[0]->Send(2, MakeDatagram(i, 100), never_met.Expect());
  }
  network.endpoints[0]->Stop();
  EXPECT_THAT(before.Now(), Each(0));
  // The first ones may have gone into a socket that nobody reads.
  EXPECT_THAT(after.Now(), Each(testing::Ne(Outcomes::kPending)));
  EXPECT_THAT(never_met.Now(), Each(testing::Gt(0)));
  EXPECT_EQ(before.repeated() + after.repeated() + never_met.repeated(), 0);
}

// ofi_rxm 1.17 crashes now and then by itself when a peer goes away in the middle of a rendezvous.
size_t LargestWithoutRendezvous(const NetworkOptions& options) {
  return options.net_type.contains("ofi_rxm") ? 10'000 : kChunkSize;
}

TEST_P(EndpointTest, StopEndsPendingSendsAndRefusesLaterOnes) {
  Outcomes outcomes;
  Network network(GetParam(), 2);
  const Datagram datagram = MakeDatagram(1, LargestWithoutRendezvous(GetParam()));
  for (int i = 0; i < 600; ++i) network.endpoints[0]->Send(1, Datagram(datagram), outcomes.Expect());
  network.endpoints[0]->Stop();
  network.endpoints[0]->Stop();
  network.endpoints[0]->Send(1, MakeDatagram(0, 10), outcomes.Expect());
  network.endpoints[0]->Send(0, MakeDatagram(0, 10), outcomes.Expect());
  const auto codes = outcomes.Now();
  EXPECT_THAT(codes, Each(testing::AnyOf(0, ESHUTDOWN)));
  EXPECT_EQ(codes[codes.size() - 2], ESHUTDOWN);
  EXPECT_EQ(codes.back(), ESHUTDOWN);
  EXPECT_EQ(outcomes.repeated(), 0);
}

TEST_P(EndpointTest, ASenderThatGoesAwayInTheMiddleOfChunksDoesNotTakeItsReceiverWithIt) {
  Outcomes outcomes;
  Network network(GetParam(), 3);
  const Datagram datagram = MakeDatagram(1, kChunkSize);
  for (int i = 0; i < 100; ++i) network.endpoints[0]->Send(1, Datagram(datagram), outcomes.Expect());
  ASSERT_GE(network.inboxes[1].WaitFor(3).size(), 3u);
  network.endpoints[0]->Stop();
  for (int i = 0; i < 20; ++i) network.endpoints[2]->Send(1, MakeDatagram(2, 1000), outcomes.Expect());
  const auto codes = outcomes.Wait();
  EXPECT_TRUE(std::ranges::all_of(codes.end() - 20, codes.end(), [](int code) { return code == 0; }));
}

TEST_P(EndpointTest, AReceiverThatGoesAwayInTheMiddleOfChunksDoesNotTakeItsSenderWithIt) {
  Outcomes outcomes;
  Network network(GetParam(), 3);
  const Datagram datagram = MakeDatagram(1, LargestWithoutRendezvous(GetParam()));
  for (int i = 0; i < 100; ++i) network.endpoints[0]->Send(1, Datagram(datagram), outcomes.Expect());
  ASSERT_GE(network.inboxes[1].WaitFor(3).size(), 3u);
  network.endpoints[1]->Stop();
  for (int i = 0; i < 20; ++i) network.endpoints[0]->Send(2, MakeDatagram(0, 1000), outcomes.Expect());
  ASSERT_EQ(network.inboxes[2].WaitFor(20).size(), 20u);
  network.endpoints[0]->Stop();
  EXPECT_THAT(outcomes.Now(), testing::Not(testing::Contains(Outcomes::kPending)));
  EXPECT_EQ(outcomes.repeated(), 0);
}

TEST_P(EndpointTest, StopWhileThreadsSend) {
  Network network(GetParam(), 2);
  Outcomes outcomes;
  std::atomic<bool> stop = false;
  std::thread sender([&] {
    while (!stop) network.endpoints[0]->Send(1, MakeDatagram(1, 10'000), outcomes.Expect());
  });
  ASSERT_GE(network.inboxes[1].WaitFor(20).size(), 20u);
  network.endpoints[0]->Stop();
  stop = true;
  sender.join();
  EXPECT_THAT(outcomes.Now(), Each(testing::AnyOf(0, ESHUTDOWN)));
  EXPECT_EQ(outcomes.repeated(), 0);
}

TEST_P(EndpointTest, TicksComeWhileTheyAreWanted) {
  Network network(GetParam(), 1);
  Inbox& inbox = network.inboxes[0];
  EXPECT_EQ(inbox.WaitForTicks(1, std::chrono::milliseconds(250)), 0);
  inbox.SetTicksWanted(3);
  const auto start = std::chrono::steady_clock::now();
  network.endpoints[0]->WantTicks();
  EXPECT_EQ(inbox.WaitForTicks(3, kPatience), 3);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(290));
  EXPECT_EQ(inbox.WaitForTicks(4, std::chrono::milliseconds(250)), 3);
  inbox.SetTicksWanted(4);
  network.endpoints[0]->WantTicks();  // and again
  EXPECT_EQ(inbox.WaitForTicks(4, kPatience), 4);
}

TEST_P(EndpointTest, IdleUsesNoCpu) {
  Network network(GetParam(), 2);
  Outcomes outcomes;
  network.endpoints[0]->Send(1, MakeDatagram(1, kChunkSize), outcomes.Expect());
  network.endpoints[1]->Send(0, MakeDatagram(1, 10), outcomes.Expect());
  ASSERT_EQ(network.inboxes[1].WaitFor(1).size(), 1u);
  ASSERT_THAT(outcomes.Wait(), Each(0));
  auto used = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000L + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  const long before = used();
  EXPECT_EQ(network.inboxes[0].WaitForTicks(1, std::chrono::milliseconds(300)), 0);
  const long allowed = GetParam().may_wait ? 3'000 : 30'000;  // us of two endpoints; sanitizers included
  EXPECT_LT(used() - before, allowed);
}

std::string NameOf(const testing::TestParamInfo<NetworkOptions>& info) {
  const std::string& type = info.param.net_type;
  std::string name = type.substr(0, type.find(':')) + (info.param.may_wait ? "" : "_polled");
  std::ranges::replace(name, ';', '_');
  return name;
}

// The flavours of TCP that this libfabric has, and one of them without a descriptor to wait on.
std::vector<NetworkOptions> NetworksHere() {
  std::vector<NetworkOptions> networks;
  const auto lines = ListProviders();
  for (const std::string provider : {"tcp", "net", "tcp;ofi_rxm"}) {
    auto is_it = [&](const std::string& line) { return line.starts_with(provider + "://lo"); };
    if (std::ranges::any_of(lines, is_it)) networks.push_back({provider + "://lo"});
  }
  if (!networks.empty()) networks.push_back({networks.front().net_type, false});
  return networks;
}

INSTANTIATE_TEST_SUITE_P(Providers, EndpointTest, testing::ValuesIn(NetworksHere()), NameOf);

class OpenTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Endpoint>> Open(const std::string& net_type, const std::string& bind_address = {}) {
    return OpenLibfabricEndpoint({net_type, bind_address, true, kHeadSize}, log_);
  }
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
};

TEST_F(OpenTest, AnUnknownNetTypeSaysWhatThereIs) {
  const auto endpoint = Open("warp://drive0");
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, ENODEV);
  EXPECT_THAT(endpoint.error().message, HasSubstr("warp://drive0"));
  for (const std::string& line : ListProviders()) EXPECT_THAT(endpoint.error().message, HasSubstr(line));
}

TEST_F(OpenTest, AnAddressOfAnotherHostSaysWhatThereIs) {
  const auto endpoint = Open("auto", "198.51.100.77");
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, ENODEV);
  EXPECT_THAT(endpoint.error().message, HasSubstr("198.51.100.77"));
  EXPECT_THAT(endpoint.error().message, HasSubstr("(127.0.0.1)"));
}

TEST_F(OpenTest, APortInUseIsOneClearError) {
  const auto first = Open("tcp", "127.0.0.1");
  ASSERT_TRUE(first) << first.error().message;
  const std::string taken = (*first)->DescribeAddress((*first)->address());
  EXPECT_THAT(taken, StartsWith("127.0.0.1:"));
  const auto second = Open("tcp", taken);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_THAT(second.error().message, HasSubstr(taken));
}

TEST_F(OpenTest, AChosenPortIsUsed) {
  std::string address;
  {
    const auto first = Open("tcp", "127.0.0.1");
    ASSERT_TRUE(first) << first.error().message;
    address = (*first)->DescribeAddress((*first)->address());
  }
  const auto second = Open("tcp", address);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ((*second)->DescribeAddress((*second)->address()), address);
}

TEST_F(OpenTest, AnyLoopbackAddressWillDo) {
  const auto endpoint = Open("tcp", "127.0.0.7");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_THAT((*endpoint)->DescribeAddress((*endpoint)->address()), StartsWith("127.0.0.7:"));
}

TEST_F(OpenTest, LoopbackServesOneMachineOnly) {
  const auto endpoint = Open("tcp");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_THAT((*endpoint)->DescribeAddress((*endpoint)->address()), StartsWith("127.0.0.1:"));
}

TEST_F(OpenTest, AnUnstartedEndpointStopsAndRefuses) {
  const auto endpoint = Open("tcp");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  Outcomes outcomes;
  (*endpoint)->Send(0, MakeDatagram(1, 1), outcomes.Expect());
  EXPECT_THAT(outcomes.Now(), Each(ENOTCONN));
  (*endpoint)->Stop();
}

TEST_F(OpenTest, AnAddressOfAnotherKindIsRefused) {
  const auto endpoint = Open("tcp");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  const std::vector<Address> book = {(*endpoint)->address(), Address(3)};
  const Status status = (*endpoint)->Connect(book);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("rank 1"));
}

}  // namespace
}  // namespace copper::fabric

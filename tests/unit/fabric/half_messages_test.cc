// Messages that begin and never end, as a frozen peer or a stranger sends them: enough of the protocol of the provider
// `net` (libfabric 1.17, over TCP) for that.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "copper/base/chunk_size.h"
#include "copper/base/unique_fd.h"
#include "endpoint_harness.h"

namespace copper::fabric {
namespace {

using testing::Each;

class HalfMessages : public testing::Test {
 protected:
  void SetUp() override {
    const auto lines = ListProviders();
    if (!std::ranges::any_of(lines, [](const std::string& line) { return line.starts_with("net://lo"); })) {
      GTEST_SKIP() << "this libfabric has no provider net";
    }
    network_.emplace(NetworkOptions{"net://lo"}, 2);
  }

  static void Write(int descriptor, std::span<const uint8_t> bytes) {
    ASSERT_EQ(send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // A connection to endpoint `to`, as the peer that listens at `port` would make it.
  UniqueFd Connect(size_t to, uint16_t port) {
    const Endpoint& endpoint = *network_->endpoints[to];
    sockaddr_in address{};
    std::memcpy(&address, endpoint.address().data(), std::min(sizeof(address), endpoint.address().size()));
    UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    std::array<uint8_t, 40> hello{3, 0, 0, 8};
    hello[24] = 1;
    hello[34] = static_cast<uint8_t>(port >> 8);
    hello[35] = static_cast<uint8_t>(port);
    hello[38] = 0x7d;
    Write(connection.get(), hello);
    std::array<uint8_t, 64> answer{};
    EXPECT_GT(recv(connection.get(), answer.data(), answer.size(), 0), 0);
    return connection;
  }

  // Announces `size` bytes and sends `sent` of them.
  static void Begin(const UniqueFd& connection, uint32_t size, size_t sent) {
    std::vector<uint8_t> begun(16 + sent, 0x5a);
    std::ranges::copy(std::array<uint8_t, 8>{3, 0, 0, 0, 0, 0, 16, 0}, begun.begin());
    const uint64_t whole = size + 16;
    std::memcpy(begun.data() + 8, &whole, sizeof(whole));
    Write(connection.get(), begun);
  }

  // `count` of them to endpoint 1. Some have not a byte, others most of a chunk.
  void Hold(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      held_.push_back(Connect(1, static_cast<uint16_t>(20'000 + held_.size())));
      const std::array<size_t, 4> sent = {0, 1, 100, i < 8 ? kChunkSize / 2 : 100};
      Begin(held_.back(), kHeadSize + kChunkSize, sent[i % 4]);
    }
  }

  void ExpectThatAllArrives(uint32_t count) {
    Outcomes outcomes;
    const uint32_t first = std::exchange(sent_, sent_ + count);
    for (uint32_t i = first; i < sent_; ++i) {
      network_->endpoints[0]->Send(1, MakeDatagram(i, i % 3 == 0 ? kChunkSize : 40'000), outcomes.Expect());
    }
    const auto items = network_->inboxes[1].WaitFor(sent_);
    ASSERT_EQ(items.size(), sent_);
    for (uint32_t i = first; i < sent_; ++i) {
      const uint32_t number = items[i].number;
      EXPECT_TRUE(SameBytes(items[i].payload, Pattern(number % 3 == 0 ? kChunkSize : 40'000, number)));
    }
    EXPECT_THAT(outcomes.Wait(), Each(0));
  }

  std::optional<Network> network_;
  std::vector<UniqueFd> held_;
  uint32_t sent_ = 0;
};

TEST_F(HalfMessages, DoNotKeepWholeOnesFromArriving) {
  for (const size_t count : {8u, 56u, 192u}) {
    Hold(count);
    ExpectThatAllArrives(30);
  }
}

TEST_F(HalfMessages, TheirReceivesAreUsedAgainWhenTheyBreakOff) {
  for (int round = 0; round < 3; ++round) {
    Hold(20);
    ExpectThatAllArrives(6);
    held_.clear();
    ExpectThatAllArrives(6);
  }
}

TEST_F(HalfMessages, ThatAnnounceTooMuchAreRefused) {
  for (uint16_t i = 0; i < 20; ++i) {
    held_.push_back(Connect(1, static_cast<uint16_t>(30'000 + i)));
    Begin(held_.back(), 2 * kChunkSize, 100);
  }
  ExpectThatAllArrives(6);
}

}  // namespace
}  // namespace copper::fabric

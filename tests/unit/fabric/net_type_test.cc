#include "copper/fabric/net_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::fabric {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Rank(const std::vector<Candidate>& host, const std::string& net_type, bool one_machine = false,
                              const std::string& bind_host = {}) {
  std::vector<std::string> names;
  for (const size_t i : RankCandidates(host, {*ParseNetType(net_type), bind_host, one_machine})) {
    names.push_back(Describe(host[i]));
  }
  return names;
}

const std::vector<Candidate> kWorkstation = {
    {"tcp;ofi_rxm", "docker0", "172.17.0.1"},
    {"tcp;ofi_rxm", "eth0", "192.0.2.2"},
    {"tcp;ofi_rxm", "lo", "127.0.0.1"},
    {"net", "docker0", "172.17.0.1"},
    {"net", "eth0", "fe80::1"},
    {"net", "eth0", "fd00::2"},
    {"net", "eth0", "192.0.2.2"},
    {"net", "lo", "127.0.0.1"},
    {"net;ofi_rxm", "eth0", "192.0.2.2"},
    {"udp;ofi_rxd", "eth0", "192.0.2.2"},
    {"shm", "shm", ""},
    {"sockets", "eth0", "192.0.2.2"},
};

TEST(NetTypeTest, ParsesEveryForm) {
  EXPECT_EQ(*ParseNetType("auto"), (NetType{"auto", ""}));
  EXPECT_EQ(*ParseNetType("cxi0"), (NetType{"cxi0", ""}));
  EXPECT_EQ(*ParseNetType("cxi://cxi1"), (NetType{"cxi", "cxi1"}));
  EXPECT_EQ(*ParseNetType("tcp;ofi_rxm://eth0"), (NetType{"tcp;ofi_rxm", "eth0"}));
}

TEST(NetTypeTest, RefusesWhatIsNoNetType) {
  for (const char* text : {"", "://eth0", "tcp://", "tcp:", "tcp:/eth0", "tcp://eth0/1", "a b"}) {
    const auto type = ParseNetType(text);
    ASSERT_FALSE(type) << text;
    EXPECT_EQ(type.error().code, EINVAL);
    EXPECT_THAT(type.error().message, HasSubstr("tcp://eth0"));
  }
}

TEST(BindAddressTest, ParsesHostsWithAndWithoutPort) {
  EXPECT_EQ(*ParseBindAddress("192.0.2.2"), (BindAddress{"192.0.2.2", 0}));
  EXPECT_EQ(*ParseBindAddress("192.0.2.2:4000"), (BindAddress{"192.0.2.2", 4000}));
  EXPECT_EQ(*ParseBindAddress("fd00:0::2"), (BindAddress{"fd00::2", 0}));
  EXPECT_EQ(*ParseBindAddress("[fd00::2]:4000"), (BindAddress{"fd00::2", 4000}));
}

TEST(BindAddressTest, ParsesWhatAFabricWithoutIpAddressesHas) {
  EXPECT_EQ(*ParseBindAddress("0x0004a3ff"), (BindAddress{"0x0004a3ff", 0}));
  EXPECT_EQ(*ParseBindAddress("ofi+cxi://0x0004a3ff"), (BindAddress{"0x0004a3ff", 0}));
  EXPECT_EQ(*ParseBindAddress("tcp://192.0.2.2:4000"), (BindAddress{"192.0.2.2", 4000}));
  EXPECT_FALSE(ParseBindAddress("0x"));
  EXPECT_FALSE(ParseBindAddress("0x4g"));
}

TEST(BindAddressTest, RefusesNamesAndBadPorts) {
  for (const char* text : {"", "node7", "192.0.2", "192.0.2.2:", "192.0.2.2:70000", "192.0.2.2:4x", "[fd00::2]:x"}) {
    const auto address = ParseBindAddress(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, EINVAL);
  }
}

TEST(RankCandidatesTest, AutomaticChoiceOverHostsTakesGlobalAddressesOnly) {
  EXPECT_THAT(Rank(kWorkstation, "auto"),
              ElementsAre("net://eth0 (192.0.2.2)", "net://eth0 (fd00::2)", "net://docker0 (172.17.0.1)",
                          "tcp;ofi_rxm://eth0 (192.0.2.2)", "tcp;ofi_rxm://docker0 (172.17.0.1)"));
}

TEST(RankCandidatesTest, OneMachinePrefersLoopback) {
  const auto ranked = Rank(kWorkstation, "auto", true);
  ASSERT_GE(ranked.size(), 3u);
  EXPECT_EQ(ranked[0], "net://lo (127.0.0.1)");
  EXPECT_EQ(ranked[1], "tcp;ofi_rxm://lo (127.0.0.1)");
  EXPECT_EQ(ranked[2], "net://eth0 (192.0.2.2)");
}

TEST(RankCandidatesTest, FastNetworksComeFirstButNotTheirSlowRelatives) {
  const std::vector<Candidate> host = {
      {"sockets", "hsn0", "10.0.0.1"},
      {"net", "hsn0", "10.0.0.1"},
      {"tcp", "eth0", "192.0.2.2"},
      {"tcp", "hsn0", "10.0.0.1"},
      {"verbs;ofi_rxd", "mlx5_0", ""},
      {"verbs;ofi_rxm", "mlx5_0", "10.1.0.1"},
      {"cxi", "cxi0", ""},
      {"cxi", "cxi1", ""},
      {"psm3", "mlx5_0", ""},
  };
  EXPECT_THAT(Rank(host, "auto"),
              ElementsAre("cxi://cxi0", "cxi://cxi1", "verbs;ofi_rxm://mlx5_0 (10.1.0.1)", "tcp://hsn0 (10.0.0.1)",
                          "tcp://eth0 (192.0.2.2)", "net://hsn0 (10.0.0.1)"));
  EXPECT_THAT(Rank(host, "cxi1"), ElementsAre("cxi://cxi1"));
  EXPECT_THAT(Rank(host, "cxi"), ElementsAre("cxi://cxi0", "cxi://cxi1"));
  EXPECT_THAT(Rank(host, "cxi://cxi1"), ElementsAre("cxi://cxi1"));
  EXPECT_THAT(Rank(host, "tcp"),
              ElementsAre("tcp://hsn0 (10.0.0.1)", "tcp://eth0 (192.0.2.2)", "net://hsn0 (10.0.0.1)"));
  EXPECT_THAT(Rank(host, "psm3"), ElementsAre("psm3://mlx5_0"));
}

TEST(RankCandidatesTest, NamesOfProvidersAndDomains) {
  EXPECT_THAT(Rank(kWorkstation, "net://eth0"),
              ElementsAre("net://eth0 (192.0.2.2)", "net://eth0 (fd00::2)", "net;ofi_rxm://eth0 (192.0.2.2)"));
  EXPECT_THAT(Rank(kWorkstation, "lo"), ElementsAre("net://lo (127.0.0.1)", "tcp;ofi_rxm://lo (127.0.0.1)"));
  EXPECT_THAT(Rank(kWorkstation, "tcp;ofi_rxm://eth0"), ElementsAre("tcp;ofi_rxm://eth0 (192.0.2.2)"));
  EXPECT_THAT(Rank(kWorkstation, "shm"), ElementsAre("shm://shm"));
  EXPECT_THAT(Rank(kWorkstation, "verbs"), IsEmpty());
}

TEST(RankCandidatesTest, TheAddressOfANicDecidesWhateverTheProcessOnIt) {
  const std::vector<Candidate> host = {{"cxi", "cxi0", "0x000001ff"}, {"cxi", "cxi1", "0x000003ff"}};
  EXPECT_THAT(Rank(host, "cxi", false, "0x00000207"), ElementsAre("cxi://cxi1 (0x000003ff)"));
  EXPECT_THAT(Rank(host, "auto", false, "0x00000007"), ElementsAre("cxi://cxi0 (0x000001ff)"));
  EXPECT_THAT(Rank(host, "cxi", false, "0x00000407"), IsEmpty());
}

TEST(RankCandidatesTest, AnAddressToBindToDecides) {
  EXPECT_THAT(Rank(kWorkstation, "auto", false, "172.17.0.1"),
              ElementsAre("net://docker0 (172.17.0.1)", "tcp;ofi_rxm://docker0 (172.17.0.1)"));
  EXPECT_THAT(Rank(kWorkstation, "auto", false, "127.0.0.1"),
              ElementsAre("net://lo (127.0.0.1)", "tcp;ofi_rxm://lo (127.0.0.1)"));
  EXPECT_THAT(Rank(kWorkstation, "auto", false, "127.0.0.9"),
              ElementsAre("net://lo (127.0.0.1)", "tcp;ofi_rxm://lo (127.0.0.1)"));
  EXPECT_THAT(Rank(kWorkstation, "auto", false, "198.51.100.1"), IsEmpty());
}

}  // namespace
}  // namespace copper::fabric

#include "copper/bootstrap/address_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::bootstrap {
namespace {

using fabric::Candidate;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<std::vector<BookEntry>> Filter(const std::string& text, const std::vector<std::string>& hosts) {
  return FilterBook(text, "/site/book", hosts);
}

std::string Refusal(const std::string& text, const std::vector<std::string>& hosts, int code) {
  const Result<std::vector<BookEntry>> entries = Filter(text, hosts);
  EXPECT_FALSE(entries) << text;
  if (entries) return "";
  EXPECT_EQ(entries.error().code, code);
  return entries.error().message;
}

TEST(FacilityBook, GivesEachRankTheAddressOfItsHost) {
  const auto entries = Filter("# the site's book\n\na 10.0.0.1\r\n  b.site.gov\t10.0.0.2:4000  # rack 7\nc [fd00::3]:9",
                              {"c", "a", "b"});
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries,
              ElementsAre(BookEntry{"[fd00::3]:9", 5}, BookEntry{"10.0.0.1", 3}, BookEntry{"10.0.0.2:4000", 4}));
}

TEST(FacilityBook, MayHaveThousandsOfLinesAboutOthers) {
  std::string text;
  for (int node = 0; node < 20'000; ++node) text += "nid" + std::to_string(node) + " 10.1.2.3\n";
  text += "garbage\nnid7x not an address\nmine 10.0.0.1\n";
  const auto entries = Filter(text, {"mine"});
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries, ElementsAre(BookEntry{"10.0.0.1", 20'003}));
}

TEST(FacilityBook, NamesTheHostsThatAreMissing) {
  EXPECT_THAT(Refusal("a 10.0.0.1\n", {"a", "b"}, ENODEV), AllOf(HasSubstr("host b:"), HasSubstr("/site/book")));
  EXPECT_THAT(Refusal("", {"a"}, ENODEV), HasSubstr("host a:"));
  EXPECT_THAT(Refusal("ab 10.0.0.1\nx.a 10.0.0.1\n", {"a"}, ENODEV), HasSubstr("host a:"));
  const std::vector<std::string> many = {"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"};
  EXPECT_THAT(Refusal("", many, ENODEV), HasSubstr("hosts h0, h1, h2, h3, h4, h5, h6, h7 and 2 more"));
}

TEST(FacilityBook, AHostMayStandThereTwiceWithOneAddressOnly) {
  EXPECT_TRUE(Filter("a 10.0.0.1\na.site 10.0.0.1\n", {"a"}));
  EXPECT_TRUE(Filter("a fd00:0::1\na fd00::1\n", {"a"}));
  EXPECT_TRUE(Filter("b 10.0.0.1\nb 10.0.0.2\na 10.0.0.3\n", {"a"}));
  EXPECT_THAT(Refusal("a 10.0.0.1\n\na.site 10.0.0.2\n", {"a"}, EINVAL),
              AllOf(HasSubstr("/site/book"), HasSubstr("host a"), HasSubstr("10.0.0.1 in line 1"),
                    HasSubstr("10.0.0.2 in line 3")));
  EXPECT_THAT(Refusal("a 10.0.0.1\na 10.0.0.2\n", {"a", "a"}, EINVAL), HasSubstr("different addresses"));
  EXPECT_THAT(Refusal("a 10.0.0.1:5\na 10.0.0.1:6\n", {"a"}, EINVAL), HasSubstr("different addresses"));
}

TEST(FacilityBook, RanksOfOneHostHavePortsOfTheirOwn) {
  const auto any = Filter("a 10.0.0.1\n", {"a", "a"});
  ASSERT_TRUE(any);
  EXPECT_THAT(*any, ElementsAre(BookEntry{"10.0.0.1", 1}, BookEntry{"10.0.0.1", 1}));
  const auto given = Filter("a 10.0.0.1:5\nb 10.0.0.2\na 10.0.0.1:6\n", {"a", "b", "a"});
  ASSERT_TRUE(given);
  EXPECT_THAT(*given, ElementsAre(BookEntry{"10.0.0.1:5", 1}, BookEntry{"10.0.0.2", 2}, BookEntry{"10.0.0.1:6", 3}));
  EXPECT_THAT(Refusal("\na 10.0.0.1:5\n", {"a", "a"}, EINVAL),
              AllOf(HasSubstr("/site/book, line 2"), HasSubstr("2 ranks on host a"), HasSubstr("10.0.0.1:5")));
  EXPECT_THAT(Refusal("a 10.0.0.1:5\na 10.0.0.1:6\n", {"a", "a", "a"}, EINVAL), HasSubstr("different addresses"));
}

TEST(FacilityBook, NamesTheLineThatCantBeUnderstood) {
  EXPECT_THAT(Refusal("\na\n", {"a"}, EINVAL), AllOf(HasSubstr("/site/book, line 2"), HasSubstr("host a")));
  EXPECT_THAT(Refusal("a 10.0.0.1 10.0.0.2\n", {"a"}, EINVAL), HasSubstr("line 1"));
  EXPECT_THAT(Refusal("a 10.0.0\n", {"a"}, EINVAL), AllOf(HasSubstr("line 1"), HasSubstr("'10.0.0'")));
  EXPECT_THAT(Refusal("hostname | eth0\na | 10.0.0.1\n", {"a"}, EINVAL), HasSubstr("line 2"));
}

Member On(const std::string& host) {
  return {.host = host, .pid = 1, .boot_id = host, .mount_point = "/m", .mount_digest = "", .network = "net:[1]"};
}

const std::vector<Member> kMembers = {On("n0"), On("n1"), On("n2")};
const std::vector<std::vector<Candidate>> kHas = {
    {{"cxi", "cxi0", "0x0001"}, {"tcp", "hsn0", "10.0.0.1"}, {"tcp;ofi_rxm", "hsn0", "10.0.0.1"}},
    {{"tcp", "hsn0", "10.0.0.2"}, {"tcp", "hsn0", "fd00::2"}},
    {{"shm", "shm", ""}}};

TEST(CheckNetworks, NamesTheHostThatLacksWhatIsAskedForAndWhatItHas) {
  EXPECT_TRUE(CheckNetworks({.net_type = "auto"}, std::span(kMembers).first(2), kHas));
  const Status lacks = CheckNetworks({.net_type = "cxi://cxi0"}, kMembers, kHas);
  ASSERT_FALSE(lacks);
  EXPECT_EQ(lacks.error().code, ENODEV);
  EXPECT_THAT(lacks.error().message, AllOf(HasSubstr("host n1 (nor n2) has no network that fits --net-type cxi://cxi0"),
                                           HasSubstr("\n  tcp://hsn0 (fd00::2)"), Not(HasSubstr("10.0.0.1"))));
}

TEST(CheckNetworks, LoopbackIsNoWayBetweenHosts) {
  const std::vector<std::vector<Candidate>> has(3, {{"net", "lo", "127.0.0.1"}});
  EXPECT_FALSE(CheckNetworks({.net_type = "auto"}, kMembers, has));
  EXPECT_TRUE(CheckNetworks({.net_type = "auto", .one_network = true}, kMembers, has));
}

TEST(CheckNetworks, NamesTheLineWhoseAddressTheHostHasNot) {
  NetworkWish wish{.net_type = "tcp",
                   .facility_file = "/site/book",
                   .of_facility = {{"10.0.0.1:7", 4}, {"10.0.0.9", 5}, {"10.0.0.3", 6}}};
  const Status lacks = CheckNetworks(wish, kMembers, kHas);
  ASSERT_FALSE(lacks);
  EXPECT_THAT(lacks.error().message,
              AllOf(HasSubstr("/site/book, line 5, gives host n1 the address 10.0.0.9"), HasSubstr("10.0.0.2")));
  wish.of_facility[1].address = "fd00::2";
  EXPECT_TRUE(CheckNetworks(wish, std::span(kMembers).first(2), kHas));
}

TEST(FullBook, HasAColumnForEachDomainAndARowForEachHost) {
  EXPECT_EQ(FullBook(kMembers, kHas, {}),
            "hostname | cxi0 | hsn0 | shm\n"
            "n0 | 0x0001 | 10.0.0.1 | -\n"
            "n1 | - | 10.0.0.2,fd00::2 | -\n"
            "n2 | - | - | shm\n");
}

TEST(FullBook, HasOneRowForRanksOnOneHost) {
  const std::vector<Member> members = {On("n0"), On("n0"), On("n1")};
  const std::vector<std::vector<Candidate>> has = {kHas[0], kHas[0], kHas[1]};
  const std::vector<BookEntry> given = {{"10.0.0.1:1", 1}, {"10.0.0.1:2", 2}, {"10.0.0.2", 3}};
  EXPECT_EQ(FullBook(members, has, given),
            "hostname | cxi0 | hsn0 | facility\n"
            "n0 | 0x0001 | 10.0.0.1 | 10.0.0.1:1\n"
            "n1 | - | 10.0.0.2,fd00::2 | 10.0.0.2\n");
}

}  // namespace
}  // namespace copper::bootstrap

#include "copper/bootstrap/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::bootstrap {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Member At(const std::string& boot_id, const std::string& mount_point) {
  return {
      .host = "node7", .pid = 42, .boot_id = boot_id, .mount_point = mount_point, .mount_digest = "", .network = ""};
}

TEST(Member, SurvivesTheWayBetweenRanks) {
  Member member = At("3f2a", "/tmp/copper");
  member.network = "net:[7]";
  member.mount_digest = std::string("\0\xff\n{\"", 5);
  const Result<Member> decoded = DecodeMember(EncodeMember(member));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->host, "node7");
  EXPECT_EQ(decoded->pid, 42);
  EXPECT_EQ(decoded->boot_id, "3f2a");
  EXPECT_EQ(decoded->mount_point, "/tmp/copper");
  EXPECT_EQ(decoded->mount_digest, member.mount_digest);
  EXPECT_EQ(decoded->network, "net:[7]");
}

TEST(Member, OfAnyOtherLengthIsRefused) {
  const std::string encoded = EncodeMember(At("3f2a", "/tmp/copper"));
  for (size_t length = 0; length < encoded.size(); ++length) {
    EXPECT_FALSE(DecodeMember(encoded.substr(0, length))) << length;
  }
  EXPECT_FALSE(DecodeMember(encoded + "x"));
}

TEST(Member, LengthsPastTheEndAreRefused) {
  EXPECT_FALSE(DecodeMember(std::string(8, '\xff')));
  EXPECT_FALSE(DecodeMember(std::string(64, '\xff')));
}

TEST(OneNetwork, NeedsTheSameBootOfTheSameKernel) {
  const std::vector<Member> same = {At("a", "/1"), At("a", "/2")};
  const std::vector<Member> two = {At("a", "/1"), At("b", "/1")};
  const std::vector<Member> unknown = {At("", "/1"), At("", "/2")};
  EXPECT_TRUE(OneNetwork(same));
  EXPECT_FALSE(OneNetwork(two));
  EXPECT_FALSE(OneNetwork(unknown));
}

TEST(OneNetwork, NeedsTheSameNetworkNamespace) {
  std::vector<Member> members = {At("a", "/1"), At("a", "/2")};
  members[0].network = members[1].network = "net:[1]";
  EXPECT_TRUE(OneNetwork(members));
  members[1].network = "net:[2]";
  EXPECT_FALSE(OneNetwork(members));
}

TEST(CheckMountPoints, AllowsOneNameOnEachMachine) {
  const std::vector<Member> members = {At("a", "/tmp/copper"), At("b", "/tmp/copper")};
  EXPECT_TRUE(CheckMountPoints(members));
}

TEST(CheckMountPoints, NamesBothRanksThatCollide) {
  const std::vector<Member> members = {At("a", "/tmp/0"), At("a", "/tmp/x"), At("b", "/tmp/x"), At("a", "/tmp/x")};
  const Status checked = CheckMountPoints(members);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, EINVAL);
  EXPECT_THAT(checked.error().message, AllOf(HasSubstr("ranks 1 and 3"), HasSubstr("/tmp/x"), HasSubstr("%r")));
}

TEST(ThisHost, HasABootIdAndAShortName) {
  EXPECT_EQ(BootId().size(), 36U);
  EXPECT_TRUE(NetworkId().starts_with("net:["));
  EXPECT_FALSE(ShortHost().empty());
  EXPECT_EQ(ShortHost().find('.'), std::string::npos);
}

}  // namespace
}  // namespace copper::bootstrap

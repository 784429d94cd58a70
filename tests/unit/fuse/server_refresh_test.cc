#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "copper/base/control_ioctl.h"
#include "gmock/gmock.h"
#include "served.h"

namespace copper::fuse {
namespace {

using fakes::FakeKernel;
using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

// What a notice says, as text: "name 1 pkg", "expire 1 pkg", "inode 7".
std::string TextOf(const FakeKernel::Notice& notice) {
  const auto number = [&](size_t at, auto value) {
    std::memcpy(&value, notice.body.data() + at, sizeof value);
    return value;
  };
  const std::string id = std::to_string(number(0, uint64_t{0}));
  if (notice.code == FUSE_NOTIFY_INVAL_INODE) return "inode " + id;
  if (notice.code != FUSE_NOTIFY_INVAL_ENTRY) return "another";
  return (number(12, uint32_t{0}) != 0 ? "expire " : "name ") + id + " " +
         notice.body.substr(16, number(8, uint32_t{0}));
}

class ServedRefresh : public Served {
 protected:
  // Both passes, on this one rank; what the kernel is told by it.
  std::vector<std::string> Refresh(const std::string& path) {
    const size_t before = kernel_.notices().size();
    job_->node(0).fetcher().BeginRefresh({0, ++number_}, path, kNever);
    const auto told = fakes::Await<bool>([&](auto done) {
      job_->node(0).fetcher().EndRefresh({0, number_}, path, [done = std::move(done)]() mutable { done(true); });
    });
    EXPECT_TRUE(told) << "the kernel was told";
    kernel_.Call(FUSE_STATFS, 1);  // comes behind what was told
    std::vector<std::string> texts;
    const auto notices = kernel_.notices();
    for (size_t at = before; at < notices.size(); ++at) texts.push_back(TextOf(notices[at]));
    return texts;
  }
  // Whether refreshing the path does not take this back. Whoever sent an answer may look late whether a refresh has
  // passed it, and takes it back then: once for each answer, so of that many refreshes one goes without.
  bool IsSpared(const std::string& text, const std::string& path) {
    constexpr int kMoreThanAnswersBefore = 12;
    for (int i = 0; i < kMoreThanAnswersBefore; ++i) {
      const auto told = Refresh(path);
      if (std::ranges::find(told, text) == told.end()) return true;
    }
    return false;
  }
  std::string Name(uint64_t directory, const std::string& name) {
    return "name " + std::to_string(directory) + " " + name;
  }
  uint64_t number_ = 0;
};

TEST_F(ServedRefresh, TakesBackEveryNameThatTheKernelKnows) {
  Start();
  store().AddFile("/pkg/sub/a", "a");
  store().AddFile("/pkg/b", "b");
  store().AddFile("/beside", "c");
  store().AddSymlink("/pkg/link", "b");
  const uint64_t pkg = kernel_.Lookup(1, "pkg").out.nodeid;
  const uint64_t sub = kernel_.Lookup(pkg, "sub").out.nodeid;
  ASSERT_NE(kernel_.Lookup(sub, "a").out.nodeid, 0U);
  ASSERT_NE(kernel_.Lookup(pkg, "b").out.nodeid, 0U);
  ASSERT_NE(kernel_.Lookup(pkg, "link").out.nodeid, 0U);
  ASSERT_NE(kernel_.Lookup(1, "beside").out.nodeid, 0U);
  ASSERT_EQ(kernel_.Lookup(sub, "absent").out.nodeid, 0U);
  ASSERT_EQ(kernel_.Lookup(1, "absent").out.nodeid, 0U);
  const auto told = Refresh("/pkg");
  EXPECT_THAT(told,
              IsSupersetOf({Name(sub, "a"), Name(pkg, "b"), Name(pkg, "link"), Name(sub, "absent"),
                            std::string("expire 1 pkg"), "expire " + std::to_string(pkg) + " sub",
                            "inode " + std::to_string(pkg), "inode " + std::to_string(sub), std::string("inode 1")}));
  EXPECT_THAT(told, Not(Contains(Name(1, "pkg")))) << "it may be somebody's working directory";
  EXPECT_TRUE(IsSpared(Name(1, "beside"), "/pkg"));
  EXPECT_TRUE(IsSpared(Name(1, "absent"), "/pkg"));
}

TEST_F(ServedRefresh, NamesOfTheRootToo) {
  Start();
  store().AddFile("/a", "a");
  ASSERT_NE(kernel_.Lookup(1, "a").out.nodeid, 0U);
  ASSERT_EQ(kernel_.Lookup(1, "absent").out.nodeid, 0U);
  EXPECT_THAT(Refresh("/"), IsSupersetOf({Name(1, "a"), Name(1, "absent"), std::string("inode 1")}));
  EXPECT_TRUE(IsSpared(Name(1, "a"), "/")) << "once is enough";
}

TEST_F(ServedRefresh, TheSameVersionIsANewNodeWithBytesOfItsOwn) {
  Start();
  store().AddFile("/f", "old bytes");
  const auto old = kernel_.Lookup(1, "f");
  EXPECT_EQ(kernel_.Read(old.out.nodeid, 0, 100).body, "old bytes");
  store().RewriteUnseen("/f", "new bytes");
  Refresh("/f");
  const auto now = kernel_.Lookup(1, "f");
  EXPECT_NE(now.out.nodeid, old.out.nodeid);
  EXPECT_EQ(kernel_.Read(now.out.nodeid, 0, 100).body, "new bytes");
}

TEST_F(ServedRefresh, AnOpenFileOfTheOldVersionIsStaleAndKeepsItsAttributes) {
  Start();
  store().AddFile("/f", "old bytes");
  const auto old = kernel_.Lookup(1, "f");
  store().Replace("/f", "newer, longer bytes");
  Refresh("/f");
  const auto now = kernel_.Lookup(1, "f");
  EXPECT_NE(now.out.attr.ino, old.out.attr.ino);
  EXPECT_EQ(kernel_.Read(old.out.nodeid, 0, 100).error, ESTALE);
  fuse_attr_out attr{};
  EXPECT_EQ(kernel_.Getattr(old.out.nodeid, attr).error, 0);
  EXPECT_EQ(attr.attr.size, 9U);
  EXPECT_EQ(attr.attr.ino, old.out.attr.ino);
  EXPECT_EQ(kernel_.Read(now.out.nodeid, 0, 100).body, "newer, longer bytes");
}

TEST_F(ServedRefresh, ADirectoryStaysItselfWithNewNames) {
  Start();
  store().AddFile("/d/a", "a");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  ASSERT_EQ(kernel_.Readdirplus(directory, 0).names.size(), 3U);
  store().AddFile("/d/b", "b");
  store().SetMode("/d", 0700);
  Refresh("/d");
  EXPECT_EQ(kernel_.Lookup(1, "d").out.nodeid, directory);
  EXPECT_EQ(kernel_.Readdirplus(directory, 0).names.size(), 4U);
  fuse_attr_out attr{};
  ASSERT_EQ(kernel_.Getattr(directory, attr).error, 0);
  EXPECT_EQ(attr.attr.mode & 07777, 0700U);
}

TEST_F(ServedRefresh, AnAnswerThatWasAskedForBeforeIsTakenBack) {
  Start();
  store().SetAttributesInListings(false);
  store().AddFile("/f", "old");
  store().Block(Kind::kLook, "/f");
  const uint64_t asked = kernel_.SendLookup(1, "f");
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kLook, "/f", 1));
  EXPECT_THAT(Refresh("/f"), Not(Contains(Name(1, "f"))));
  const size_t before = kernel_.notices().size();
  store().Release(Kind::kLook, "/f");
  EXPECT_EQ(kernel_.Wait(asked).error, 0);
  ASSERT_TRUE(kernel_.WaitForNotices(before + 1));
  EXPECT_EQ(TextOf(kernel_.notices().back()), Name(1, "f"));
}

TEST_F(ServedRefresh, AReaderThatBeganBeforeGoesOnWithWhatIsThereNow) {
  Start();
  for (int i = 0; i < 200; ++i) store().AddFile("/many/file" + std::to_string(i), "x");
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  std::set<std::string> names;
  uint64_t offset = 0;
  for (const auto& name : kernel_.Readdirplus(many, 0).names) names.insert(name.name), offset = name.offset;
  ASSERT_LT(names.size(), 100U);
  for (int i = 0; i < 200; ++i) store().Replace("/many/file" + std::to_string(i), "longer");
  Refresh("/many");
  for (auto page = kernel_.Readdirplus(many, offset).names; !page.empty();
       page = kernel_.Readdirplus(many, offset).names) {
    for (const auto& name : page) {
      EXPECT_TRUE(names.insert(name.name).second) << name.name;
      EXPECT_EQ(name.out.attr.size, 6U);
      offset = name.offset;
    }
  }
  EXPECT_EQ(names.size(), 202U);
}

TEST_F(ServedRefresh, TheControlFileTakesThePathAndGivesTheOutcome) {
  Start();
  const uint64_t control = kernel_.Walk(".copper/control").out.nodeid;
  const auto command = [&](const std::string& path) {
    TextCommand in;
    path.copy(in.text, sizeof in.text - 1);
    fuse_ioctl_in head{};
    head.cmd = kRefreshCommand;
    head.in_size = head.out_size = sizeof in;
    std::string body(reinterpret_cast<const char*>(&head), sizeof head);
    body.append(reinterpret_cast<const char*>(&in), sizeof in);
    return kernel_.Call(FUSE_IOCTL, control, body);
  };
  TextCommand out;
  auto answer = command("/pkg");
  ASSERT_EQ(answer.error, 0);
  ASSERT_EQ(answer.body.size(), sizeof(fuse_ioctl_out) + sizeof out);
  std::memcpy(&out, answer.body.data() + sizeof(fuse_ioctl_out), sizeof out);
  EXPECT_EQ(out.failed, 0U);
  EXPECT_STREQ(out.text, "refreshed /pkg");
  answer = command("/bad");
  std::memcpy(&out, answer.body.data() + sizeof(fuse_ioctl_out), sizeof out);
  EXPECT_EQ(out.failed, 1U);
  EXPECT_STREQ(out.text, "no such thing");
  kernel_.SetUser(geteuid() + 1);
  EXPECT_EQ(command("/pkg").error, EPERM);
}

}  // namespace
}  // namespace copper::fuse

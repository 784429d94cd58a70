#include <dirent.h>

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

class ServedDirectories : public Served {
 protected:
  void MakeMany(int count) {
    for (int i = 0; i < count; ++i) store().AddFile("/many/file" + std::to_string(i), std::to_string(i));
  }
  // The stream as a reader goes through it.
  std::vector<FakeKernel::Name> ReadAll(uint64_t id, int& requests) {
    std::vector<FakeKernel::Name> all;
    uint64_t offset = 0;
    for (requests = 1;; ++requests) {
      const auto page = kernel_.Readdirplus(id, offset);
      EXPECT_EQ(page.error, 0);
      if (page.names.empty()) return all;
      all.insert(all.end(), page.names.begin(), page.names.end());
      offset = all.back().offset;
    }
  }
};

TEST_F(ServedDirectories, ReaddirplusGivesAllNamesWithAttributesInPages) {
  Start();
  MakeMany(1000);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  int requests = 0;
  const auto names = ReadAll(many, requests);
  ASSERT_EQ(names.size(), 1002U);
  EXPECT_GT(requests, 10);
  EXPECT_EQ(names[0].name, ".");
  EXPECT_EQ(names[1].name, "..");
  EXPECT_EQ(names[0].out.nodeid, 0U);  // the kernel counts no lookup for these two
  EXPECT_EQ(names[1].out.nodeid, 0U);
  std::set<std::string> distinct;
  std::set<uint64_t> numbers;
  for (size_t i = 2; i < names.size(); ++i) {
    distinct.insert(names[i].name);
    numbers.insert(names[i].number);
    EXPECT_NE(names[i].out.nodeid, 0U);
    EXPECT_EQ(names[i].out.attr.size, names[i].name.size() - 4);
    EXPECT_EQ(names[i].out.attr.ino, names[i].number);
  }
  EXPECT_EQ(distinct.size(), 1000U);
  EXPECT_EQ(numbers.size(), 1000U);
  // What came with the listing is known: the same node, and no question to the source.
  const auto before = store().counts();
  EXPECT_EQ(kernel_.Lookup(many, names[500].name).out.nodeid, names[500].out.nodeid);
  EXPECT_EQ(store().counts(), before);
}

TEST_F(ServedDirectories, NamesWithoutAttributesAreNamesOnly) {
  Start();
  MakeMany(3);
  store().SetAttributesInListings(false);
  const auto page = kernel_.Readdirplus(kernel_.Lookup(1, "many").out.nodeid, 0);
  ASSERT_EQ(page.names.size(), 5U);
  EXPECT_TRUE(page.names[2].name.starts_with("file"));
  EXPECT_EQ(page.names[2].out.nodeid, 0U);
  EXPECT_EQ(page.names[2].type, static_cast<uint32_t>(DT_REG));
  // The number is the one that the name has when it is looked up.
  EXPECT_EQ(kernel_.Walk("many/" + page.names[2].name).out.attr.ino, page.names[2].number);
}

TEST_F(ServedDirectories, ReaddirCountsNoLookups) {
  Start();
  MakeMany(3);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  const auto page = kernel_.Readdir(many, 0);
  ASSERT_EQ(page.names.size(), 5U);
  EXPECT_TRUE(page.names[4].name.starts_with("file"));
  EXPECT_EQ(kernel_.Readdir(many, page.names[4].offset).names.size(), 0U);
  EXPECT_EQ(kernel_.Readdir(many, page.names[3].offset).names.size(), 1U);
}

TEST_F(ServedDirectories, EveryOffsetContinuesWhereItStood) {
  Start();
  MakeMany(200);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  int requests = 0;
  const auto names = ReadAll(many, requests);
  for (size_t i = 0; i + 1 < names.size(); i += 17) {
    const auto page = kernel_.Readdirplus(many, names[i].offset);
    ASSERT_FALSE(page.names.empty());
    EXPECT_EQ(page.names[0].name, names[i + 1].name);
  }
}

TEST_F(ServedDirectories, AnyOffsetGoesOnWithTheNextName) {
  Start();
  MakeMany(100);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  const auto page = kernel_.Readdir(many, uint64_t{1} << 30);  // nobody has read anything yet
  EXPECT_EQ(page.error, 0);
  EXPECT_GT(page.names.size(), 20U);
  EXPECT_LT(page.names.size(), 80U);
  EXPECT_EQ(kernel_.Readdir(many, page.names[3].offset - 1).names[0].name, page.names[3].name);
  const auto end = kernel_.Readdir(many, INT64_MAX);
  EXPECT_EQ(end.error, 0);
  EXPECT_TRUE(end.names.empty());
}

// Between any two pages the directory has changed, and is listed again by somebody else.
TEST_F(ServedDirectories, ASlowReaderHasEachNameOnceThatStays) {
  Start();
  MakeMany(500);
  for (int i = 0; i < 200; ++i) store().AddFile("/many/going" + std::to_string(i), "x");
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  std::multiset<std::string> had;
  uint64_t offset = 0;
  for (int page = 0;; ++page) {
    ASSERT_LT(page, 1000);
    const auto names = page % 2 == 0 ? kernel_.Readdirplus(many, offset) : kernel_.Readdir(many, offset);
    ASSERT_EQ(names.error, 0) << "after " << page << " pages";
    if (names.names.empty()) break;
    for (const auto& name : names.names) had.insert(name.name);
    offset = names.names.back().offset;
    store().Remove("/many/going" + std::to_string(page));
    store().AddFile("/many/coming" + std::to_string(page), "x");
    job_->clock().Advance(std::chrono::seconds(10));
    ASSERT_EQ(kernel_.Readdirplus(many, 0).error, 0);
  }
  for (const std::string& name : had) EXPECT_EQ(had.count(name), 1U) << name;
  EXPECT_EQ(had.count(".") + had.count(".."), 2U);
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(had.contains("file" + std::to_string(i))) << i;
}

TEST_F(ServedDirectories, AReaderIsServedFromTheListingThatItBeganWith) {
  Start();
  MakeMany(500);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  const auto first = kernel_.Readdirplus(many, 0);
  const auto before = store().counts();
  job_->node(0).cache().listings().EraseIf([](const auto&, const auto&) { return true; });  // as under a small budget
  job_->clock().Advance(std::chrono::seconds(10));
  uint64_t offset = first.names.back().offset;
  for (int pages = 0; pages < 1000; ++pages) {
    const auto page = kernel_.Readdirplus(many, offset);
    if (page.names.empty()) break;
    offset = page.names.back().offset;
  }
  EXPECT_EQ(store().counts(), before);
  EXPECT_TRUE(kernel_.Readdirplus(many, offset).names.empty()) << "and once more, when it is gone";
}

// By a lookup of whoever else, long before any refresh.
TEST_F(ServedDirectories, AReaderIsNotGivenNamesOfAnotherDirectoryInItsPlace) {
  Start();
  MakeMany(500);
  const auto old = kernel_.Lookup(1, "many");
  const auto first = kernel_.Readdirplus(old.out.nodeid, 0);
  ASSERT_LT(first.names.size(), 500U);
  store().Remove("/many");
  for (int i = 0; i < 500; ++i) store().AddFile("/many/new" + std::to_string(i), "x");
  job_->clock().Advance(std::chrono::seconds(10));
  EXPECT_EQ(kernel_.Lookup(old.out.nodeid, "absent").error, ESTALE) << "the kernel walks the path again";
  ASSERT_TRUE(kernel_.WaitForNotices(1));
  EXPECT_THAT(kernel_.notices().front().body, testing::HasSubstr("many"));
  EXPECT_EQ(kernel_.Readdirplus(old.out.nodeid, first.names.back().offset).error, ESTALE);
  EXPECT_EQ(kernel_.Lookup(old.out.nodeid, "new1").error, ESTALE);
  fuse_attr_out attr{};
  EXPECT_EQ(kernel_.Getattr(old.out.nodeid, attr).error, 0);
  EXPECT_EQ(attr.attr.ino, old.out.attr.ino);

  const auto now = kernel_.Lookup(1, "many");
  EXPECT_NE(now.out.nodeid, old.out.nodeid);
  EXPECT_EQ(now.out.attr.ino, store().Peek("/many").inode);
  EXPECT_NE(kernel_.Lookup(now.out.nodeid, "new1").out.nodeid, 0U);
  int requests = 0;
  EXPECT_EQ(ReadAll(now.out.nodeid, requests).size(), 502U);
  for (const auto& name : kernel_.Readdirplus(1, 0).names) {
    EXPECT_NE(name.out.nodeid, old.out.nodeid) << "though the listing above is from before";
  }
  EXPECT_EQ(kernel_.Lookup(1, "many").out.nodeid, now.out.nodeid);
}

TEST_F(ServedDirectories, AReaderWhoHasHadNothingIsGivenTheOneThatIsThere) {
  Start();
  MakeMany(3);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  store().Remove("/many");
  store().AddFile("/many/new", "x");
  const auto page = kernel_.Readdirplus(many, 0);
  EXPECT_EQ(page.error, 0);
  EXPECT_EQ(page.names.size(), 3U);
  EXPECT_NE(kernel_.Lookup(many, "new").out.nodeid, 0U);
}

TEST_F(ServedDirectories, DotsAreTheDirectoryAndItsParent) {
  Start();
  store().AddFile("/above/below/file", "");
  fuse_attr_out root{};
  ASSERT_EQ(kernel_.Getattr(1, root).error, 0);
  EXPECT_EQ(root.attr.ino, store().Peek("/").inode);
  const auto above = kernel_.Lookup(1, "above");
  const auto below = kernel_.Lookup(above.out.nodeid, "below");
  const auto dots = [&](uint64_t directory) {
    const auto page = kernel_.Readdir(directory, 0);
    return std::pair(page.names.at(0).number, page.names.at(1).number);
  };
  EXPECT_EQ(dots(1), std::pair(root.attr.ino, root.attr.ino)) << "nothing lies above the root";
  EXPECT_EQ(dots(above.out.nodeid), std::pair(above.out.attr.ino, root.attr.ino));
  EXPECT_EQ(dots(below.out.nodeid), std::pair(below.out.attr.ino, above.out.attr.ino));
}

TEST_F(ServedDirectories, FilesAreNoDirectories) {
  Start();
  store().AddFile("/f", "f");
  EXPECT_EQ(kernel_.Readdirplus(kernel_.Lookup(1, "f").out.nodeid, 0).error, ENOTDIR);
}

TEST_F(ServedDirectories, LiveFilesAreMadeAtEachLookup) {
  Start();
  store().AddFile("/f", "f");
  for (const auto& name : kernel_.Readdirplus(1, 0).names) EXPECT_NE(name.name, ".copper");
  const auto directory = kernel_.Lookup(1, ".copper");
  ASSERT_TRUE(S_ISDIR(directory.out.attr.mode));
  EXPECT_EQ(directory.out.entry_valid, 0U);
  EXPECT_EQ(directory.out.attr.uid, geteuid());

  const auto first = kernel_.Lookup(directory.out.nodeid, "status.json");
  const auto second = kernel_.Lookup(directory.out.nodeid, "status.json");
  EXPECT_NE(first.out.nodeid, second.out.nodeid);
  EXPECT_EQ(second.out.entry_valid + second.out.attr_valid + second.out.entry_valid_nsec, 0U);
  EXPECT_EQ(kernel_.Read(first.out.nodeid, 0, 4096).body, "{\"looks\": 1}\n");
  EXPECT_EQ(kernel_.Read(second.out.nodeid, 0, 4096).body, "{\"looks\": 2}\n");
  EXPECT_EQ(second.out.attr.size, kernel_.Read(second.out.nodeid, 0, 4096).body.size());
  EXPECT_EQ(kernel_.Lookup(directory.out.nodeid, "nothing").error, ENOENT);

  const auto names = kernel_.Readdirplus(directory.out.nodeid, 0).names;
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(names[2].name, "control");
  EXPECT_EQ(names[3].name, "status.json");
  EXPECT_EQ(names[3].number, first.out.attr.ino);
}

TEST_F(ServedDirectories, TheControlFileStopsTheJobForItsUserOnly) {
  Start();
  const auto control = kernel_.Walk(".copper/control");
  ASSERT_EQ(control.out.attr.mode, static_cast<uint32_t>(S_IFREG | 0600));
  fuse_ioctl_in in{};
  in.cmd = kStopCommand;
  const std::string_view body(reinterpret_cast<const char*>(&in), sizeof in);
  kernel_.SetUser(geteuid() + 1);
  EXPECT_EQ(kernel_.Call(FUSE_IOCTL, control.out.nodeid, body).error, EPERM);
  kernel_.SetUser(geteuid());
  EXPECT_EQ(kernel_.Call(FUSE_IOCTL, 1, body).error, ENOTTY);
  EXPECT_EQ(stop_commands_, 0);
  EXPECT_EQ(kernel_.Call(FUSE_IOCTL, control.out.nodeid, body).error, 0);
  EXPECT_EQ(stop_commands_, 1);
}

TEST_F(ServedDirectories, AChangedDirectoryIsToldToTheKernelByName) {
  Start();
  MakeMany(3);
  const uint64_t many = kernel_.Lookup(1, "many").out.nodeid;
  EXPECT_EQ(kernel_.Lookup(many, "later").out.nodeid, 0U);
  store().AddFile("/many/later", "there");
  job_->clock().Advance(std::chrono::seconds(10));
  EXPECT_EQ(kernel_.Lookup(many, "other").out.nodeid, 0U);  // the absence is renewed, and the change seen
  ASSERT_TRUE(kernel_.WaitForNotices(2));
  const auto notices = kernel_.notices();
  EXPECT_EQ(notices[0].code, FUSE_NOTIFY_INVAL_ENTRY);
  EXPECT_THAT(notices[0].body, testing::HasSubstr("later"));
  EXPECT_EQ(notices[1].code, FUSE_NOTIFY_INVAL_INODE);
  EXPECT_NE(kernel_.Lookup(many, "later").out.nodeid, 0U);
}

// The kernel keeps a page that it gets when it has been told of the change already.
TEST_F(ServedDirectories, APageOfAnOldListingThatComesAfterTheChangeIsTakenBack) {
  Start();
  for (int i = 0; i < 200; ++i) store().AddFile("/d/file" + std::to_string(i), "x");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  const auto first = kernel_.Readdirplus(directory, 0).names;
  ASSERT_LT(first.size(), 200U);
  const auto told = [&] {
    return std::ranges::count_if(kernel_.notices(), [&](const auto& notice) {
      uint64_t id = 0;
      std::memcpy(&id, notice.body.data(), sizeof id);
      return notice.code == FUSE_NOTIFY_INVAL_INODE && id == directory;
    });
  };
  ASSERT_EQ(told(), 0);
  // In the middle of the second page, of the listing of the first.
  clock_.AtTheNextLook([&] {
    store().AddFile("/d/new", "x");
    job_->Pass(std::chrono::seconds(10));
    EXPECT_EQ(kernel_.Lookup(directory, "absent").out.nodeid, 0U) << "renews the listing";
    EXPECT_TRUE(kernel_.WaitForNotices(1));
  });
  const auto second = kernel_.Readdirplus(directory, first.back().offset).names;
  ASSERT_FALSE(second.empty());
  EXPECT_TRUE(kernel_.WaitForNotices(2));
  EXPECT_EQ(told(), 2);
  // And the next page is one of the new listing.
  std::set<std::string> names;
  for (uint64_t offset = 0;;) {
    const auto page = kernel_.Readdir(directory, offset).names;
    if (page.empty()) break;
    for (const auto& name : page) names.insert(name.name);
    offset = page.back().offset;
  }
  EXPECT_TRUE(names.contains("new"));
  EXPECT_EQ(names.size(), 203U);
  EXPECT_EQ(told(), 2) << "once is enough";
}

}  // namespace
}  // namespace copper::fuse

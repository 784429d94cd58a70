#include <algorithm>
#include <cstring>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "copper/base/chunk_size.h"
#include "copper/base/control_ioctl.h"
#include "gmock/gmock.h"
#include "served.h"

namespace copper::fuse {
namespace {

using fakes::FakeKernel;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

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
      job_->node(0).fetcher().EndRefresh({0, number_}, path,
                                         [done = std::move(done)](bool whole) mutable { done(whole); });
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
  static std::string Dropped(uint64_t directory, const std::string& name) {
    return "name " + std::to_string(directory) + " " + name;
  }
  static std::string Expired(uint64_t directory, const std::string& name) {
    return "expire " + std::to_string(directory) + " " + name;
  }
  // A lookup of a new file /f that waits for the source. Its request.
  uint64_t BeginLookup() {
    store().SetAttributesInListings(false);
    store().AddFile("/f", "old");
    store().Block(Kind::kLook, "/f");
    const uint64_t asked = kernel_.SendLookup(1, "f");
    EXPECT_TRUE(store().WaitUntilBlocked(Kind::kLook, "/f", 1));
    return asked;
  }
  void EndLookup(uint64_t asked) {
    store().Release(Kind::kLook, "/f");
    EXPECT_EQ(kernel_.Wait(asked).error, 0);
  }
  uint64_t number_ = 0;
};

class ServedRefreshOfAnOldKernel : public ServedRefresh {
 protected:
  ServedRefreshOfAnOldKernel() { kernel_minor_ = 37; }
};

TEST_F(ServedRefresh, ExpiresEveryNameThatTheKernelKnows) {
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
  const auto before = store().counts();
  const auto told = Refresh("/pkg");
  EXPECT_THAT(told, IsSupersetOf({Expired(sub, "a"), Expired(pkg, "b"), Expired(pkg, "link"), Expired(sub, "absent"),
                                  Expired(1, "pkg"), Expired(pkg, "sub"), "inode " + std::to_string(pkg),
                                  "inode " + std::to_string(sub), std::string("inode 1")}));
  EXPECT_THAT(told, Each(Not(StartsWith("name")))) << "it may be in use";
  EXPECT_EQ(store().counts(), before) << "the kernel asks, when it needs to";
  EXPECT_TRUE(IsSpared(Expired(1, "beside"), "/pkg"));
  EXPECT_TRUE(IsSpared(Expired(1, "absent"), "/pkg"));
}

TEST_F(ServedRefresh, NamesOfTheRootToo) {
  Start();
  store().AddFile("/a", "a");
  ASSERT_NE(kernel_.Lookup(1, "a").out.nodeid, 0U);
  ASSERT_EQ(kernel_.Lookup(1, "absent").out.nodeid, 0U);
  EXPECT_THAT(Refresh("/"), IsSupersetOf({Expired(1, "a"), Expired(1, "absent"), std::string("inode 1")}));
  EXPECT_TRUE(IsSpared(Expired(1, "absent"), "/")) << "once is enough";
}

TEST_F(ServedRefresh, WhatHasNotChangedIsTheSameNode) {
  Start();
  store().AddFile("/d/f", "bytes");
  store().AddSymlink("/d/link", "f");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  const uint64_t file = kernel_.Lookup(directory, "f").out.nodeid, link = kernel_.Lookup(directory, "link").out.nodeid;
  for (const char* path : {"/d/f", "/d", "/"}) {
    Refresh(path);
    EXPECT_EQ(kernel_.Lookup(1, "d").out.nodeid, directory);
    EXPECT_EQ(kernel_.Lookup(directory, "f").out.nodeid, file);
    EXPECT_EQ(kernel_.Lookup(directory, "link").out.nodeid, link);
    for (const auto& name : kernel_.Readdirplus(directory, 0).names) {
      if (name.name == "f") {
        EXPECT_EQ(name.out.nodeid, file);
      }
    }
  }
}

// What it can't expire must be compared.

TEST_F(ServedRefreshOfAnOldKernel, OnlyWhatHasChangedIsDropped) {
  Start();
  const std::vector<std::string> names = {"same",   "rewritten", "unseen",  "unread",
                                          "linked", "replaced",  "removed", "becomes_directory"};
  for (const std::string& name : names) store().AddFile("/d/sub/" + name, "bytes");
  store().AddFile("/d/gone/file", "bytes");
  store().AddFile("/d/becomes_file/file", "bytes");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  const uint64_t sub = kernel_.Lookup(directory, "sub").out.nodeid;
  for (const std::string& name : names) ASSERT_NE(kernel_.Lookup(sub, name).out.nodeid, 0U);
  for (const char* name : {"same", "unseen", "linked"})
    ASSERT_EQ(kernel_.Read(kernel_.Lookup(sub, name).out.nodeid, 0, 100).body, "bytes");
  const uint64_t gone = kernel_.Lookup(directory, "gone").out.nodeid;
  ASSERT_NE(kernel_.Lookup(gone, "file").out.nodeid, 0U);
  ASSERT_NE(kernel_.Lookup(directory, "becomes_file").out.nodeid, 0U);
  ASSERT_EQ(kernel_.Lookup(sub, "absent").out.nodeid, 0U);
  store().Rewrite("/d/sub/rewritten", "BYTES");
  store().RewriteUnseen("/d/sub/unseen", "BYTES");
  store().RewriteUnseen("/d/sub/unread", "BYTES");
  store().TouchCtime("/d/sub/linked");
  store().Replace("/d/sub/replaced", "BYTES");
  for (const char* path : {"/d/sub/removed", "/d/sub/becomes_directory", "/d/gone", "/d/becomes_file"})
    store().Remove(path);
  store().AddDirectory("/d/sub/becomes_directory");
  store().AddFile("/d/becomes_file", "bytes");
  std::set<std::string> dropped;
  for (const std::string& text : Refresh("/d")) {
    EXPECT_FALSE(text.starts_with("expire")) << "that would drop it";
    if (text.starts_with("name")) dropped.insert(text);
  }
  EXPECT_THAT(dropped, UnorderedElementsAre(Dropped(sub, "rewritten"), Dropped(sub, "unseen"), Dropped(sub, "replaced"),
                                            Dropped(sub, "removed"), Dropped(sub, "becomes_directory"),
                                            Dropped(directory, "gone"), Dropped(gone, "file"),
                                            Dropped(directory, "becomes_file"), Dropped(sub, "absent")));
}

TEST_F(ServedRefreshOfAnOldKernel, OneListingOfEachDirectoryTells) {
  Start();
  constexpr uint64_t kDirectories = 20, kFiles = 50;
  for (uint64_t d = 0; d < kDirectories; ++d) {
    for (uint64_t f = 0; f < kFiles; ++f) {
      store().AddFile("/d" + std::to_string(d) + "/f" + std::to_string(f), "x");
    }
  }
  for (uint64_t d = 0; d < kDirectories; ++d) {
    const uint64_t directory = kernel_.Lookup(1, "d" + std::to_string(d)).out.nodeid;
    for (uint64_t f = 0; f < kFiles; ++f) {
      ASSERT_NE(kernel_.Lookup(directory, "f" + std::to_string(f)).out.nodeid, 0U);
    }
  }
  const auto before = store().counts();
  EXPECT_THAT(Refresh("/"), Each(Not(StartsWith("name"))));
  const auto after = store().counts();
  EXPECT_EQ(after.lists - before.lists, kDirectories + 1);
  EXPECT_EQ(after.looks - before.looks, 0U);
  EXPECT_EQ(after.reads - before.reads, 0U);
}

TEST_F(ServedRefreshOfAnOldKernel, ALargeDirectoryIsListedOnceWhereManyOfItAreKnown) {
  fetch::Fetcher::Options options;
  options.lookup_list_limit = 100;
  Start(options);
  constexpr uint64_t kFiles = 300;  // more than Recheck::kWorthListing
  for (uint64_t f = 0; f < kFiles; ++f) store().AddFile("/many/f" + std::to_string(f), "x");
  const uint64_t directory = kernel_.Lookup(1, "many").out.nodeid;
  for (uint64_t f = 0; f < kFiles; ++f) ASSERT_NE(kernel_.Lookup(directory, "f" + std::to_string(f)).out.nodeid, 0U);
  store().ResetCounts();
  EXPECT_THAT(Refresh("/many"), Each(Not(StartsWith("name"))));
  EXPECT_LT(store().counts().looks, 10U) << "at the directory, and by whoever sent an answer and looks late";
  EXPECT_EQ(store().counts("/many").lists, 1U);
}

TEST_F(ServedRefreshOfAnOldKernel, WhatCannotBeHadIsDropped) {
  Start();
  store().SetAttributesInListings(false);
  store().AddFile("/d/same", "x");
  store().AddFile("/d/failing", "x");
  store().AddFile("/d/forbidden", "x");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  for (const char* name : {"same", "failing", "forbidden"}) ASSERT_NE(kernel_.Lookup(directory, name).out.nodeid, 0U);
  constexpr int kMore = 10;  // than looks: whoever sent an answer late looks, too
  store().FailNext(Kind::kLook, "/d/failing", kMore, EIO);
  store().FailNext(Kind::kLook, "/d/forbidden", kMore, EACCES);
  EXPECT_THAT(Refresh("/d"), AllOf(IsSupersetOf({Dropped(directory, "failing"), Dropped(directory, "forbidden")}),
                                   Not(Contains(Dropped(directory, "same")))));
}

TEST_F(ServedRefreshOfAnOldKernel, NobodyWaitsLongForASourceThatHangs) {
  Start();
  store().SetAttributesInListings(false);
  store().AddFile("/d/same", "x");
  store().AddFile("/d/hanging", "x");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  for (const char* name : {"same", "hanging"}) ASSERT_NE(kernel_.Lookup(directory, name).out.nodeid, 0U);
  store().Block(Kind::kLook, "/d/hanging");
  std::thread clock([&] {
    EXPECT_TRUE(store().WaitUntilBlocked(Kind::kLook, "/d/hanging", 1));
    job_->Pass(Server::kMostRechecking + std::chrono::seconds(1));
  });
  const auto told = Refresh("/d");
  clock.join();
  EXPECT_THAT(told, Contains(Dropped(directory, "hanging")));
  EXPECT_THAT(told, Not(Contains(Dropped(directory, "same"))));
  store().Release(Kind::kLook, "/d/hanging");
}

TEST_F(ServedRefreshOfAnOldKernel, AnAnswerThatWasAskedForBeforeIsLookedAtAgain) {
  Start();
  const uint64_t asked = BeginLookup();
  EXPECT_THAT(Refresh("/f"), Each(Not(StartsWith("name"))));
  const auto before = store().counts("/f").looks;
  EndLookup(asked);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (store().counts("/f").looks == before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(store().counts("/f").looks, before + 1);
  EXPECT_THAT(Refresh("/nothing"), Not(Contains(Dropped(1, "f")))) << "it is the same";
}

TEST_F(ServedRefresh, TheSameVersionTouchedSinceIsANewNodeWithBytesOfItsOwn) {
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

// Whoever has the old one open must not go on with the new one's bytes.
TEST_F(ServedRefresh, WhoHasItOpenSeesNoMixOfWhatWasRewrittenUnderTheSameTimes) {
  Start();
  const std::string old_text(2 * kChunkSize, 'o'), new_text(2 * kChunkSize, 'n');
  store().AddFile("/f", old_text);
  const auto old = kernel_.Lookup(1, "f");
  EXPECT_EQ(kernel_.Read(old.out.nodeid, 0, 4096).body, old_text.substr(0, 4096));
  store().RewriteRestoring("/f", new_text);
  Refresh("/");
  for (int looked = 0; looked < 2; ++looked) {
    EXPECT_EQ(kernel_.Read(old.out.nodeid, kChunkSize, 4096).error, ESTALE);
    const auto now = kernel_.Lookup(1, "f");
    EXPECT_NE(now.out.nodeid, old.out.nodeid);
    EXPECT_EQ(kernel_.Read(now.out.nodeid, kChunkSize, 4096).body, new_text.substr(0, 4096));
  }
}

TEST_F(ServedRefresh, WhoHasItOpenGoesOnIfOnlyItsCtimeHasChanged) {
  Start();
  const std::string text(3 * kChunkSize, 'o');
  store().AddFile("/f", text);
  const auto file = kernel_.Lookup(1, "f");
  EXPECT_EQ(kernel_.Read(file.out.nodeid, 0, 4096).body, text.substr(0, 4096));
  for (uint64_t chunk = 1; chunk <= 2; ++chunk) {
    store().TouchCtime("/f");
    Refresh("/");
    EXPECT_EQ(kernel_.Read(file.out.nodeid, chunk * kChunkSize, 4096).body, text.substr(0, 4096)) << chunk;
  }
  EXPECT_EQ(kernel_.Lookup(1, "f").out.nodeid, file.out.nodeid) << "all of it was found equal under the last ctime";
}

// conda's hard links, chmod: what runs stays what it is, with its pages.
TEST_F(ServedRefresh, WhatOnlyItsCtimeTellsApartIsTheSameNodeIfWhatWasShownOfItIsTheSame) {
  Start();
  const std::string text(3 * kChunkSize, 'o');
  for (const char* path : {"/d/linked", "/d/rewritten", "/d/unread"}) store().AddFile(path, text);
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  const auto number = [&](const char* name) { return kernel_.Lookup(directory, name).out.nodeid; };
  const uint64_t linked = number("linked"), rewritten = number("rewritten"), unread = number("unread");
  for (const uint64_t node : {linked, rewritten})
    ASSERT_EQ(kernel_.Read(node, kChunkSize, 4096).body, text.substr(0, 4096));
  store().TouchCtime("/d/linked");
  store().RewriteRestoring("/d/rewritten", std::string(3 * kChunkSize, 'n'));
  store().TouchCtime("/d/unread");
  Refresh("/");
  for (const auto& name : kernel_.Readdirplus(directory, 0).names) {
    if (name.name == "linked" || name.name == "rewritten") {
      EXPECT_EQ(name.out.nodeid, 0U) << "nobody is told before it is compared";
    }
  }
  EXPECT_EQ(number("linked"), linked);
  EXPECT_NE(number("rewritten"), rewritten);
  EXPECT_EQ(number("unread"), unread);
  const auto reads = store().counts("/d/unread").reads;
  EXPECT_EQ(reads, 0U) << "nothing was shown, so nothing is compared";
  const auto compared = store().counts("/d/linked").reads;
  EXPECT_EQ(number("linked"), linked);
  EXPECT_EQ(store().counts("/d/linked").reads, compared) << "once";
}

// Whoever looks it up waits; nobody else does.
TEST_F(ServedRefresh, AComparisonThatWaitsForTheSourceHoldsUpNobodyElse) {
  Start();
  store().AddFile("/f", std::string(1000, 'o'));
  store().AddFile("/g", "beside");
  const uint64_t file = kernel_.Lookup(1, "f").out.nodeid;
  ASSERT_EQ(kernel_.Read(file, 0, 4096).body.size(), 1000U);
  store().TouchCtime("/f");
  Refresh("/");
  store().Block(Kind::kRead, "/f");
  const uint64_t asked = kernel_.SendLookup(1, "f");
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/f", 1));
  EXPECT_EQ(kernel_.Read(kernel_.Lookup(1, "g").out.nodeid, 0, 100).body, "beside");
  store().Release(Kind::kRead, "/f");
  const auto answer = kernel_.Wait(asked);
  uint64_t found = 0;
  std::memcpy(&found, answer.body.data(), sizeof found);
  EXPECT_EQ(found, file);
}

TEST_F(ServedRefresh, WhatWasReadBeforeItWasRewrittenIsNeverTakenForTheNewOne) {
  Start();
  const std::string old_text(2 * kChunkSize, 'o'), new_text(2 * kChunkSize, 'n');
  store().AddFile("/f", old_text);
  ASSERT_EQ(kernel_.Read(kernel_.Lookup(1, "f").out.nodeid, 0, 4096).error, 0);
  store().RewriteRestoring("/f", new_text);
  job_->node(0).fetcher().BeginRefresh({0, ++number_}, "/f", kNever);
  const auto between =
      kernel_.Lookup(1, "f");  // the attributes are the new ones, the bytes that the kernel has are not
  job_->node(0).fetcher().EndRefresh({0, number_}, "/f", [](bool) {});
  EXPECT_EQ(kernel_.Read(between.out.nodeid, kChunkSize, 4096).error, ESTALE);
  Refresh("/f");
  const auto now = kernel_.Lookup(1, "f");
  EXPECT_NE(now.out.nodeid, between.out.nodeid);
  EXPECT_EQ(kernel_.Read(now.out.nodeid, 0, 4096).body, new_text.substr(0, 4096));
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

// What is told late: somebody may have looked the name up by then, and what he found is his to use.

class ToldLate : public ServedRefreshOfAnOldKernel {
 protected:
  // The notifier waits in here until LetGo.
  void HoldUp() {
    std::promise<void> waits;
    fetch::Fetcher& fetcher = job_->node(0).fetcher();
    fetcher.BeginRefresh({0, ++number_}, "/no/such/path", kNever);
    fetcher.EndRefresh({0, number_}, "/no/such/path", [this, &waits](bool) {
      waits.set_value();
      go_on_.get_future().wait();
    });
    ASSERT_EQ(waits.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  }
  void BeginRefresh(const std::string& path) {
    fetch::Fetcher& fetcher = job_->node(0).fetcher();
    fetcher.BeginRefresh({0, ++number_}, path, kNever);
    fetcher.EndRefresh({0, number_}, path, [](bool) {});
  }
  std::vector<std::string> LetGo() {
    const size_t before = kernel_.notices().size();
    go_on_.set_value();
    Refresh("/no/such/path");
    const auto notices = kernel_.notices();
    std::vector<std::string> texts;
    for (size_t at = before; at < notices.size(); ++at) texts.push_back(TextOf(notices[at]));
    return texts;
  }
  std::promise<void> go_on_;
};

TEST_F(ToldLate, AnAbsentNameThatIsThereByThenStays) {
  Start();
  store().AddFile("/d/old", "a");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  ASSERT_EQ(kernel_.Lookup(directory, "new").out.nodeid, 0U);
  HoldUp();
  store().AddFile("/d/new", "b");
  BeginRefresh("/d");
  job_->clock().Advance(std::chrono::seconds(10));  // the kernel's time, too
  ASSERT_NE(kernel_.Lookup(directory, "new").out.nodeid, 0U);
  EXPECT_THAT(LetGo(), Not(Contains(Dropped(directory, "new"))));
}

TEST_F(ToldLate, AnAbsentNameThatTheKernelBelievesInIsDropped) {
  Start();
  store().AddFile("/d/old", "a");
  const uint64_t directory = kernel_.Lookup(1, "d").out.nodeid;
  ASSERT_EQ(kernel_.Lookup(directory, "new").out.nodeid, 0U);
  HoldUp();
  store().AddFile("/d/new", "b");
  BeginRefresh("/d");
  EXPECT_THAT(LetGo(), Contains(Dropped(directory, "new")));
}

TEST_F(ToldLate, ADirectoryInThePlaceOfAnotherStaysOnceItWasLookedUp) {
  Start();
  store().AddFile("/d/old", "a");
  const uint64_t old = kernel_.Lookup(1, "d").out.nodeid;
  ASSERT_NE(kernel_.Lookup(old, "old").out.nodeid, 0U);
  HoldUp();
  store().Remove("/d");
  store().AddFile("/d/new", "b");
  job_->clock().Advance(std::chrono::seconds(10));
  ASSERT_EQ(kernel_.Lookup(old, "absent").error, ESTALE);
  ASSERT_NE(kernel_.Lookup(1, "d").out.nodeid, old);
  EXPECT_THAT(LetGo(), Not(Contains(Dropped(1, "d"))));
}

// Another directory is in the place of one that somebody has open, or works in.

TEST_F(ServedRefresh, WhoHasAReplacedDirectoryIsToldNothingOfTheOther) {
  Start();
  store().AddFile("/d/old", "a");
  const auto old = kernel_.Lookup(1, "d");
  ASSERT_NE(kernel_.Lookup(old.out.nodeid, "old").out.nodeid, 0U);
  store().Remove("/d");
  store().AddFile("/d/new", "b");
  Refresh("/");
  for (const bool is_known : {false, true}) {  // of the other one, by anybody
    EXPECT_EQ(kernel_.Lookup(old.out.nodeid, "new").error, ESTALE) << is_known;
    EXPECT_EQ(kernel_.Lookup(old.out.nodeid, "old").error, ESTALE);
    EXPECT_EQ(kernel_.Lookup(old.out.nodeid, "absent").error, ESTALE);
    EXPECT_EQ(kernel_.Readdirplus(old.out.nodeid, 0).error, ESTALE);
    fuse_attr_out attr{};
    EXPECT_EQ(kernel_.Getattr(old.out.nodeid, attr).error, 0);
    EXPECT_EQ(attr.attr.ino, old.out.attr.ino);
    const auto now = kernel_.Lookup(1, "d");
    EXPECT_NE(now.out.nodeid, old.out.nodeid);
    EXPECT_NE(now.out.attr.ino, old.out.attr.ino);
    EXPECT_NE(kernel_.Lookup(now.out.nodeid, "new").out.nodeid, 0U);
    EXPECT_EQ(kernel_.Readdirplus(now.out.nodeid, 0).names.size(), 3U);
  }
}

TEST_F(ServedRefresh, BelowAParentThatIsReplaced) {
  Start();
  store().AddFile("/a/x/old", "a");
  const uint64_t above = kernel_.Lookup(1, "a").out.nodeid, x = kernel_.Lookup(above, "x").out.nodeid;
  ASSERT_NE(kernel_.Lookup(x, "old").out.nodeid, 0U);
  store().Remove("/a");
  store().AddFile("/a/x/new", "b");
  Refresh("/a");
  EXPECT_EQ(kernel_.Lookup(x, "new").error, ESTALE);
  EXPECT_EQ(kernel_.Lookup(above, "x").error, ESTALE);
  EXPECT_NE(kernel_.Walk("a/x/new").out.nodeid, 0U);
}

TEST_F(ServedRefresh, WhatBecomesAnotherTypeAndADirectoryAgain) {
  Start();
  store().AddFile("/elsewhere/new", "b");
  store().AddFile("/d/old", "a");
  const uint64_t first = kernel_.Lookup(1, "d").out.nodeid;
  ASSERT_NE(kernel_.Lookup(first, "old").out.nodeid, 0U);
  store().Remove("/d");
  store().AddFile("/d", "file");
  Refresh("/d");
  EXPECT_EQ(kernel_.Lookup(first, "old").error, ESTALE);
  const auto file = kernel_.Lookup(1, "d");
  EXPECT_TRUE(S_ISREG(file.out.attr.mode));
  EXPECT_EQ(kernel_.Readdirplus(file.out.nodeid, 0).error, ENOTDIR);
  store().Remove("/d");
  store().AddSymlink("/d", "elsewhere");
  Refresh("/d");
  EXPECT_EQ(kernel_.Lookup(first, "new").error, ESTALE);
  EXPECT_EQ(kernel_.Readdirplus(first, 0).error, ESTALE);
  EXPECT_TRUE(S_ISLNK(kernel_.Lookup(1, "d").out.attr.mode));
  store().Remove("/d");
  store().AddFile("/d/new", "b");
  Refresh("/d");
  EXPECT_EQ(kernel_.Lookup(first, "new").error, ESTALE);
  EXPECT_EQ(kernel_.Read(file.out.nodeid, 0, 100).error, ESTALE);
  const auto last = kernel_.Lookup(1, "d");
  EXPECT_NE(kernel_.Lookup(last.out.nodeid, "new").out.nodeid, 0U);
}

TEST_F(ServedRefresh, AnAnswerThatWasAskedForBeforeIsTakenBack) {
  Start();
  const uint64_t asked = BeginLookup();
  EXPECT_THAT(Refresh("/f"), Not(Contains(Expired(1, "f"))));
  const size_t before = kernel_.notices().size();
  EndLookup(asked);
  ASSERT_TRUE(kernel_.WaitForNotices(before + 1));
  EXPECT_EQ(TextOf(kernel_.notices().back()), Expired(1, "f"));
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

#include "fuse/inode_table.h"  // private to the module

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "copper/names/attributes.h"
#include "fakes/test_job.h"

namespace copper::fuse {
namespace {

Node::Known File(uint64_t inode, int64_t mtime = 1, uint64_t file_system = 0) {
  auto attributes = std::make_shared<Attributes>();
  attributes->mode = S_IFREG | 0644;
  attributes->file_system = file_system;
  attributes->inode = inode;
  attributes->size = 100;
  attributes->mtime = {mtime, 0};
  return {attributes, kNever};
}

Node::Known Directory(uint64_t inode, int64_t mtime = 1, uint64_t file_system = 0) {
  auto attributes = std::make_shared<Attributes>(*File(inode, mtime, file_system).attributes);
  attributes->mode = S_IFDIR | 0755;
  return {attributes, kNever};
}

TEST(InodeTable, ANewVersionIsANewNodeAndTheOldOneStays) {
  InodeTable table;
  const NodePtr old = table.Enter("/f", File(10, 1));
  EXPECT_EQ(table.Enter("/f", File(10, 1)), old);
  const NodePtr fresh = table.Enter("/f", File(10, 2));
  EXPECT_NE(fresh, old);
  EXPECT_EQ(table.Find(old->id()), old);
  EXPECT_EQ(old->version().mtime.seconds, 1);
}

TEST(InodeTable, TheLastNodeOfAPathIsWhatItMeans) {
  InodeTable table;
  const NodePtr file = table.Enter("/x", File(10));
  const NodePtr directory = table.Enter("/x", Directory(11));
  EXPECT_EQ(table.FindDirectory("/x"), directory);
  table.Forget(file->id(), 1);
  EXPECT_EQ(table.FindDirectory("/x"), directory) << "forgetting the old one leaves the new one";
  const NodePtr again = table.Enter("/x", File(10));
  EXPECT_NE(again, file);
  EXPECT_EQ(table.FindDirectory("/x"), nullptr);
  EXPECT_EQ(table.Find(directory->id()), directory) << "with whoever uses it";
}

// As File, of one inode and mtime: only the ctime tells.
Node::Known Touched(int64_t ctime) {
  auto attributes = std::make_shared<Attributes>(*File(10).attributes);
  attributes->ctime = {ctime, 0};
  return {attributes, kNever};
}

// Files that were opened, as far as a reader was made: nothing was shown of them yet.
class SuspectNodes : public testing::Test {
 protected:
  NodePtr Open(InodeTable& table, const std::string& path, const Node::Known& known,
               uint64_t asked = InodeTable::kNow) {
    const NodePtr node = table.Enter(path, known, asked);
    node->Reader([&] {
      fetch::Fetcher& fetcher = job_.node(0).fetcher();
      return std::make_shared<fetch::FileReader>(fetcher, fetcher.Open(path, node->version()), nullptr);
    });
    return node;
  }
  fakes::TestJob job_{1};
};

TEST_F(SuspectNodes, AreTheSameIfNothingHasChanged) {
  InodeTable table;
  const NodePtr directory = table.Enter("/d", Directory(2));
  const NodePtr file = Open(table, "/d/f", Touched(1));
  const NodePtr beside = table.Enter("/d2", File(11));
  const std::vector<NodePtr> suspects = table.Suspect("/d");
  EXPECT_EQ(std::set<NodePtr>(suspects.begin(), suspects.end()), (std::set<NodePtr>{directory, file}));
  EXPECT_EQ(table.Enter("/d", Directory(2, 7)), directory);
  EXPECT_EQ(table.Enter("/d/f", Touched(1)), file);
  EXPECT_EQ(table.Enter("/d/f", Touched(2)), file) << "suspect no longer, and this is no other version";
  EXPECT_EQ(table.Suspect("/").size(), 3U) << "all but the root";
  const NodePtr fresh = table.Enter("/d/f", Touched(2));
  EXPECT_NE(fresh, file) << "its bytes are those of the first ctime";
  EXPECT_EQ(table.Find(file->id()), file);
  EXPECT_EQ(table.Enter("/d2", File(11)), beside);
  EXPECT_EQ(table.refreshes(), 2U);
}

TEST_F(SuspectNodes, AreTheSameUnderAnotherCtimeIfNothingOfThemWasShown) {
  InodeTable table;
  const NodePtr file = table.Enter("/f", Touched(1));
  auto link = std::make_shared<Attributes>(*Touched(1).attributes);
  link->mode = S_IFLNK | 0777;
  link->symlink_target = "here";
  const NodePtr symlink = table.Enter("/link", {link, kNever});
  table.Suspect("/");
  EXPECT_EQ(table.Enter("/f", Touched(2)), file);
  EXPECT_NE(table.Enter("/f", File(10, 2)), file);
  auto moved = std::make_shared<Attributes>(*link);
  moved->ctime = {2, 0};
  EXPECT_EQ(table.Enter("/link", {moved, kNever}, table.refreshes() - 1), symlink);
  auto other = std::make_shared<Attributes>(*moved);
  other->symlink_target = "elsewhere";
  EXPECT_NE(table.Enter("/link", {other, kNever}), symlink) << "the kernel may keep where it leads";
}

TEST_F(SuspectNodes, AreTheSameUnderAnotherCtimeIfTheirBytesWereFoundEqual) {
  InodeTable table;
  const NodePtr file = Open(table, "/f", Touched(1)), other = Open(table, "/other", Touched(1));
  EXPECT_EQ(table.ToCompare("/f", *Touched(2).attributes), nullptr) << "it is no suspect";
  table.Suspect("/");
  EXPECT_EQ(table.ToCompare("/f", *Touched(1).attributes), nullptr);
  EXPECT_EQ(table.ToCompare("/f", *File(10, 2).attributes), nullptr) << "its version is another";
  EXPECT_EQ(table.ToCompare("/f", *Touched(2).attributes), file);
  EXPECT_EQ(table.EnterIfRoom("/f", *Touched(2).attributes, kNever), nullptr) << "the kernel is to ask";
  EXPECT_FALSE(table.Confirm(*file, Touched(2).attributes.get(), table.refreshes()));
  EXPECT_TRUE(table.Confirm(*file, Touched(2).attributes.get(), table.refreshes() - 1, /*is_equal=*/true));
  EXPECT_FALSE(table.Confirm(*file, nullptr, table.refreshes())) << "that look was an old one";
  EXPECT_EQ(table.Enter("/f", Touched(2), InodeTable::kNow, file.get()), file);
  EXPECT_TRUE(table.Confirm(*file, nullptr, table.refreshes())) << "it is settled";
  EXPECT_NE(table.Enter("/other", Touched(2), InodeTable::kNow, file.get()), other) << "another was compared";
}

TEST_F(SuspectNodes, AreNotClearedByAnAnswerFromBeforeTheRefresh) {
  InodeTable table;
  const NodePtr file = Open(table, "/f", Touched(1));
  const uint64_t before = table.refreshes();
  table.Suspect("/f");
  EXPECT_EQ(table.Enter("/f", Touched(1), before), file);
  const NodePtr fresh = table.Enter("/f", Touched(2), table.refreshes());
  EXPECT_NE(fresh, file);
  EXPECT_EQ(table.Enter("/f", Touched(3)), fresh);
  const NodePtr late = Open(table, "/late", Touched(1), before);
  EXPECT_NE(table.Enter("/late", Touched(2)), late) << "was suspect from the start";
}

TEST_F(SuspectNodes, AreConfirmedUnlessTheyStillAreSuspectAndDiffer) {
  InodeTable table;
  const NodePtr file = Open(table, "/f", Touched(1));
  table.Suspect("/");
  const uint64_t now = table.refreshes();
  EXPECT_FALSE(table.Confirm(*file, Touched(2).attributes.get(), now));
  EXPECT_FALSE(table.Confirm(*file, nullptr, now));
  EXPECT_TRUE(table.Confirm(*file, Touched(1).attributes.get(), now - 1));
  EXPECT_FALSE(table.Confirm(*file, nullptr, now)) << "that was an old answer";
  EXPECT_TRUE(table.Confirm(*file, Touched(1).attributes.get(), now));
  EXPECT_TRUE(table.Confirm(*file, nullptr, now)) << "it is settled";
  table.Suspect("/");
  table.Enter("/f", Touched(2));
  EXPECT_TRUE(table.Confirm(*file, nullptr, now + 1)) << "another is there already";
}

TEST(InodeTable, ADirectoryStaysItselfWithNewAttributes) {
  InodeTable table;
  const NodePtr node = table.Enter("/d", Directory(10, 1));
  EXPECT_EQ(table.Enter("/d", Directory(10, 2)), node);
  EXPECT_EQ(node->known().attributes->mtime.seconds, 2);
  EXPECT_EQ(table.FindDirectory("/d"), node);
  EXPECT_EQ(table.FindDirectory("/f"), nullptr);
}

TEST(InodeTable, AnotherTypeIsAnotherNode) {
  InodeTable table;
  EXPECT_NE(table.Enter("/x", Directory(10)), table.Enter("/x", File(10)));
}

TEST(InodeTable, GoesWithTheLastLookup) {
  InodeTable table;
  const uint64_t id = table.Enter("/f", File(10))->id();
  table.Enter("/f", File(10));
  table.Enter("/f", File(10));
  table.Forget(id, 2);
  EXPECT_NE(table.Find(id), nullptr);
  table.Forget(id, 1);
  EXPECT_EQ(table.Find(id), nullptr);
  EXPECT_EQ(table.size(), 1U);  // the root
  table.Forget(id, 1);          // unknown: harmless
  EXPECT_NE(table.Enter("/f", File(10))->id(), id);
}

TEST(InodeTable, TheRootIsNeverForgotten) {
  InodeTable table;
  table.Forget(kRootId, 1000);
  EXPECT_NE(table.Find(kRootId), nullptr);
}

TEST(InodeTable, NumbersAreUniqueWhereFilesDiffer) {
  InodeTable table;
  std::set<uint64_t> numbers;
  for (uint64_t file_system = 0; file_system <= 2; ++file_system) {
    for (uint64_t inode = 1; inode <= 1000; ++inode) {
      const std::string path = "/" + std::to_string(file_system) + "/" + std::to_string(inode);
      numbers.insert(table.Enter(path, File(inode, 1, file_system))->number());
    }
  }
  EXPECT_EQ(numbers.size(), 3000U);
}

TEST(InodeTable, NumbersAreSharedByHardLinksAndOutliveForgetting) {
  InodeTable table;
  const NodePtr a = table.Enter("/a", File(10)), b = table.Enter("/b", File(10));
  EXPECT_NE(a, b);
  EXPECT_EQ(a->number(), b->number());
  EXPECT_EQ(a->number(), InodeNumberOf(0, 10));
  table.Forget(a->id(), 1);
  table.Forget(b->id(), 1);
  EXPECT_EQ(table.Enter("/c", File(10))->number(), a->number());
}

TEST(InodeTable, ADirectoryInAnothersPlaceIsAnotherNode) {
  InodeTable table;
  const NodePtr old = table.Enter("/d", Directory(10));
  EXPECT_EQ(table.EnterIfRoom("/d", *Directory(11).attributes, kNever), nullptr) << "the kernel is to ask";
  EXPECT_EQ(table.FindDirectory("/d"), old);
  const NodePtr other = table.Enter("/d", Directory(11));
  EXPECT_NE(other, old);
  EXPECT_EQ(old->number(), 10U);
  EXPECT_EQ(other->number(), 11U);
  EXPECT_EQ(table.FindDirectory("/d"), other);
  table.Suspect("/");
  EXPECT_FALSE(table.Confirm(*other, Directory(10).attributes.get(), table.refreshes()));
  EXPECT_NE(table.Enter("/d", Directory(10)), other);
}

TEST(InodeTable, ADirectoryIsTheSameWhereNumbersAreMadeUpOrSomethingIsMountedOnIt) {
  InodeTable table;
  const NodePtr node = table.Enter("/d", Directory(10, 1, kInodesOfPaths));
  EXPECT_EQ(table.Enter("/d", Directory(11, 1, kInodesOfPaths)), node);
  EXPECT_EQ(table.Enter("/d", Directory(12, 1, 7)), node);
  EXPECT_EQ(node->number(), InodeNumberOf(7, 12));
  const NodePtr root = table.Find(kRootId);
  table.SetKnown(*root, Directory(1));
  EXPECT_TRUE(root->Matches(*Directory(2).attributes)) << "the kernel knows one root only";
}

TEST(InodeTable, ADirectoryThatBecomesAnotherOneHasThatOnesNumber) {
  InodeTable table;
  const NodePtr node = table.Enter("/d", Directory(10));
  EXPECT_EQ(node->number(), 10U);
  table.SetKnown(*node, Directory(12));
  EXPECT_EQ(node->number(), 12U);
  EXPECT_EQ(table.Enter("/f", File(10))->number(), 10U) << "nobody has it any more";
  table.Forget(node->id(), 1);
  EXPECT_EQ(table.Enter("/e", Directory(12))->number(), 12U);
}

TEST(InodeTable, TheRootHasItsOwnNumber) {
  InodeTable table;
  const NodePtr root = table.Find(kRootId);
  table.SetKnown(*root, Directory(4711));
  EXPECT_EQ(root->number(), 4711U);
  EXPECT_EQ(table.Enter("/f", File(1))->number(), 1U);
}

TEST(InodeNumbers, AreTheSourcesOwnInTheLowerHalf) {
  constexpr uint64_t kFileSystem = 0x1234'5678;
  for (const uint64_t inode : {uint64_t{1}, uint64_t{UINT32_MAX}, uint64_t{1} << 40, uint64_t{UINT64_MAX}}) {
    EXPECT_EQ(InodeNumberOf(0, inode), inode);
    EXPECT_EQ(InodeNumberOf(kFileSystem, inode), inode ^ kFileSystem << 32);
    EXPECT_LE(InodeNumberOf(kInodesOfPaths, inode), UINT32_MAX) << "a hash of a path that 32-bit programs can take";
  }
  EXPECT_EQ(InodeNumberOf(kFileSystem, 1) >> 63, 0U);
  EXPECT_NE(InodeNumberOf(0, 0), 0U);
  EXPECT_NE(InodeNumberOf(kFileSystem, kFileSystem << 32), 0U);
  EXPECT_NE(InodeNumberOf(kInodesOfPaths, uint64_t{1} << 32), 0U);
}

// The names of hard links, known under different versions.
TEST(InodeNumbers, ANumberInUseIsNotGivenToAnother) {
  InodeNumbers numbers;
  const uint64_t first = numbers.Acquire("/a", *File(10, 1).attributes);
  const uint64_t second = numbers.Acquire("/b", *File(10, 2).attributes);
  EXPECT_NE(first, second);
  EXPECT_EQ(static_cast<uint32_t>(first), static_cast<uint32_t>(second)) << "git keeps the lower half";
  EXPECT_EQ(numbers.Acquire("/c", *File(10, 2).attributes), second);
  numbers.Release(first);
  numbers.Release(second);
  numbers.Release(second);
  EXPECT_EQ(numbers.size(), 0U);
}

TEST(InodeNumbers, AFileThatWasRewrittenKeepsItsNumber) {
  InodeNumbers numbers;
  const uint64_t open = numbers.Acquire("/a", *File(10, 1).attributes);
  EXPECT_EQ(open, 10U);
  EXPECT_EQ(numbers.Acquire("/a", *File(10, 2).attributes), open);
  EXPECT_EQ(numbers.Acquire("/link", *File(10, 2).attributes), open);
  EXPECT_NE(numbers.Acquire("/a", *File(10, 3).attributes), open) << "/link is known as it was before";
  EXPECT_EQ(numbers.Acquire("/b", *File(11, 1).attributes), 11U);
}

// 32 bits are not enough to tell all paths apart.
TEST(InodeNumbers, PathsOfOneHashAreDifferentFiles) {
  InodeNumbers numbers;
  const uint64_t one = numbers.Acquire("/a", *File(7, 1, kInodesOfPaths).attributes);
  const uint64_t two = numbers.Acquire("/b", *File(uint64_t{1} << 32 | 7, 1, kInodesOfPaths).attributes);
  EXPECT_EQ(one, 7U);
  EXPECT_NE(two, one);
}

TEST(InodeNumbers, FileSystemsThatCollideAreSettled) {
  InodeNumbers numbers;
  const uint64_t one = numbers.Acquire("/a", *File(5, 1, 3).attributes);
  const uint64_t two = numbers.Acquire("/b", *File(5 ^ uint64_t{3} << 32, 1, 0).attributes);
  EXPECT_NE(one, two);
}

// Nodes beyond the budget.

constexpr size_t kBudget = 200'000;

// Files "/d/0" and so on, until the table is over its budget; how many.
int FillBeyondBudget(InodeTable& table) {
  table.Enter("/d", Directory(5));
  int files = 0;
  while (table.charge() <= kBudget) table.Enter("/d/" + std::to_string(files), File(100 + files)), ++files;
  return files;
}

TEST(InodeBudget, ANodeIsChargedUntilItIsForgotten) {
  InodeTable table(kBudget);
  const size_t empty = table.charge();
  const NodePtr node = table.Enter("/" + std::string(200, 'n'), File(10));
  EXPECT_GT(table.charge(), empty + sizeof(Node) + sizeof(Attributes) + 200);
  EXPECT_LT(table.charge(), empty + 1500);
  table.NoteRead(node->id());
  table.Forget(node->id(), 1);
  EXPECT_EQ(table.charge(), empty);
}

// What is taken until there is room; `forgets`: as the kernel does it.
std::vector<std::string> TakeAll(InodeTable& table, bool forgets) {
  std::vector<std::string> paths;
  for (const NodePtr& node : table.TakeOldest()) {
    paths.push_back(node->path());
    if (forgets) table.Forget(node->id(), 1);
  }
  return paths;
}

TEST(InodeBudget, BeyondItTheOldestFilesAreTaken) {
  InodeTable table(kBudget);
  const int files = FillBeyondBudget(table);
  ASSERT_GT(files, 150);
  const auto taken = TakeAll(table, false);
  ASSERT_GT(taken.size(), 10U) << "so that it is worth while";
  ASSERT_LT(taken.size(), 50U);
  for (size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], "/d/" + std::to_string(i));
  EXPECT_TRUE(table.TakeOldest().empty()) << "the kernel has been asked";
  EXPECT_EQ(table.size(), static_cast<size_t>(files) + 2) << "only the kernel lets go";
}

TEST(InodeBudget, WhatIsEnteredFromThenOnKeepsToIt) {
  InodeTable table(kBudget);
  int files = FillBeyondBudget(table);
  size_t times = 0;
  for (int i = 0; i < 10 * files; ++i) {
    table.Enter("/d/more" + std::to_string(i), File(1'000'000 + i));
    if (!TakeAll(table, true).empty()) ++times;
    EXPECT_LE(table.charge(), kBudget + 2000) << "a node more";
  }
  EXPECT_LT(times, 200U) << "not for each";
  EXPECT_GT(table.charge(), kBudget * 3 / 4);
}

// The kernel may take its time to forget: meanwhile directories have their turn, too.
TEST(InodeBudget, AllAreAskedForWhereNoneIsForgotten) {
  InodeTable table(kBudget);
  std::set<std::string> taken;
  for (int i = 0; i < 1000; ++i) {
    table.Enter("/f" + std::to_string(i), File(10'000 + i));
    table.Enter("/d" + std::to_string(i), Directory(20'000 + i));
    for (const NodePtr& node : table.TakeOldest()) taken.insert(node->path());
  }
  EXPECT_GT(taken.size(), 2000U - 2 * InodeTable::kNewestKept - 300);
}

TEST(InodeBudget, WhatTheKernelKeepsIsAskedForAgainBesideOthers) {
  InodeTable table(kBudget);
  FillBeyondBudget(table);
  std::set<std::string> kept;
  for (const std::string& path : TakeAll(table, false)) kept.insert(path);
  ASSERT_FALSE(kept.empty());
  size_t others = 0, again = 0;
  for (int i = 0; others < 300; ++i) {
    table.Enter("/d/more" + std::to_string(i), File(1'000'000 + i));
    for (const NodePtr& node : table.TakeOldest()) {
      if (kept.contains(node->path())) {
        ++again;
      } else {
        ++others;
        table.Forget(node->id(), 1);
      }
    }
  }
  EXPECT_GT(again, kept.size()) << "it may be in use no more";
  EXPECT_LT(again, others / 2);
}

TEST(InodeBudget, WhereAllIsInUseNotMuchIsAskedInVain) {
  InodeTable table(kBudget);
  int files = FillBeyondBudget(table);
  size_t asked = 0;
  for (int i = 0; i < 10 * files; ++i) {
    table.Enter("/d/more" + std::to_string(i), File(1'000'000 + i));
    asked += table.TakeOldest().size();
  }
  EXPECT_LT(asked, 22U * static_cast<size_t>(files));
}

TEST(InodeBudget, ANameThatIsLookedUpAgainIsTheNewest) {
  InodeTable table(kBudget);
  FillBeyondBudget(table);
  table.Enter("/d/0", File(100));
  EXPECT_EQ(table.TakeOldest().at(0)->path(), "/d/1");
}

TEST(InodeBudget, FilesThatWereReadAndDirectoriesGoLast) {
  InodeTable table(kBudget);
  for (uint64_t i = 0; i < 50; ++i) {
    table.NoteRead(table.Enter("/read" + std::to_string(i), File(i + 1'000'000))->id());
    table.Enter("/dir" + std::to_string(i), Directory(i + 2'000'000));
  }
  std::vector<std::string> taken;
  for (int i = 0; taken.size() < 400; ++i) {
    table.Enter("/more" + std::to_string(i), File(3'000'000 + i));
    for (const std::string& path : TakeAll(table, true)) taken.push_back(path);
  }
  for (const std::string& path : taken) EXPECT_TRUE(path.starts_with("/more")) << path;
}

TEST(InodeBudget, DirectoriesGoToo) {
  InodeTable table(kBudget);
  for (uint64_t i = 0; i < 1000; ++i) {
    table.Enter("/dir" + std::to_string(i), Directory(i + 10));
    TakeAll(table, true);
    EXPECT_LE(table.charge(), kBudget + 2000);
  }
  EXPECT_EQ(table.FindDirectory("/dir0"), nullptr);
  EXPECT_NE(table.FindDirectory("/dir999"), nullptr);
}

TEST(InodeBudget, TheNewestStayHoweverSmallTheBudget) {
  InodeTable table(1);
  for (uint64_t i = 0; i < InodeTable::kNewestKept; ++i) {
    table.Enter("/" + std::to_string(i), File(i + 10));
    EXPECT_TRUE(table.TakeOldest().empty());
  }
  table.Enter("/last", File(5));
  EXPECT_EQ(table.TakeOldest().size(), 1U);
}

// Kernels that can't tell what is in use.

class InodesLetGo : public testing::Test {
 protected:
  InodesLetGo() {
    table_.SetMode(InodeTable::Mode::kExpired);
    FillBeyondBudget(table_);
    auto taken = table_.TakeOldest();
    node_ = std::move(taken.at(0));
  }
  InodeTable table_{kBudget};
  NodePtr node_;
};

TEST_F(InodesLetGo, ItsNameMeansAnotherNodeFromThenOn) {
  EXPECT_EQ(table_.LetGo(node_), table_.FindDirectory("/d")->id());
  EXPECT_EQ(table_.Find(node_->id()), node_) << "until the kernel forgets it";
  const NodePtr again = table_.Enter("/d/0", File(100));
  EXPECT_NE(again, node_) << "so that the kernel does not go on with the name that is being dropped";
  EXPECT_EQ(again->number(), node_->number());
  EXPECT_FALSE(table_.LetGo(node_)) << "it has no name any more";
}

TEST_F(InodesLetGo, NotIfItWasLookedUpSince) {
  EXPECT_EQ(table_.Enter("/d/0", File(100)), node_);
  EXPECT_FALSE(table_.LetGo(node_));
}

// So that a table whose nodes were all used while they were looked for does not stay beyond its budget.
TEST_F(InodesLetGo, WhatWasLookedUpSinceIsTakenAgain) {
  EXPECT_TRUE(table_.TakeOldest().empty());
  for (int i = 0; i < 100; ++i) table_.Enter("/d/" + std::to_string(i), File(100 + i));
  EXPECT_TRUE(table_.IsOver());
  EXPECT_FALSE(table_.TakeOldest().empty());
}

TEST_F(InodesLetGo, NotIfItWasReadSince) {
  node_->NoteUse();
  EXPECT_FALSE(table_.LetGo(node_));
}

TEST_F(InodesLetGo, NotWhileAHandlerIsAtWorkOnIt) {
  NodePtr handler = node_;
  EXPECT_FALSE(table_.LetGo(node_));
  handler.reset();
  EXPECT_TRUE(table_.LetGo(node_));
}

TEST_F(InodesLetGo, ADirectoryOnlyWhenNothingBelowItIsKnown) {
  const NodePtr directory = table_.Enter("/e", Directory(7));
  const NodePtr file = table_.Enter("/e/f", File(8)), old = table_.Enter("/e/g", File(9));
  table_.Enter("/e/g", File(9, 2));
  directory->TakeUse();
  EXPECT_FALSE(table_.LetGo(directory));
  table_.Forget(file->id(), 1);
  table_.Forget(old->id() + 1, 1);
  EXPECT_FALSE(table_.LetGo(directory)) << "somebody has the old one open";
  table_.Forget(old->id(), 1);
  EXPECT_EQ(table_.LetGo(directory), kRootId);
}

TEST(InodesAskedFor, ThoseBeyondHalfOfTheBudgetAreKnownForOneUseAndTheOthersStay) {
  InodeTable table(kBudget);
  table.SetMode(InodeTable::Mode::kAsked);
  std::set<std::string> lasting;
  for (int i = 0; i < 2000; ++i) {
    const NodePtr node = table.Enter("/" + std::to_string(i), File(i + 10));
    if (node->IsNameLasting()) lasting.insert(node->path());
    if (i == 0) {
      EXPECT_TRUE(node->IsNameLasting());
    }
    for (const NodePtr& oldest : table.TakeOldest()) {
      EXPECT_FALSE(lasting.contains(oldest->path()));
      table.Forget(oldest->id(), 1);
    }
    EXPECT_LE(table.charge(), kBudget + 2000);
  }
  EXPECT_GT(lasting.size(), 50U);
  EXPECT_LT(lasting.size(), 250U);
}

TEST(InodeBudget, WhatNobodyAskedForIsEnteredWhileThereIsRoom) {
  InodeTable table(kBudget);
  const Attributes attributes = *File(10).attributes;
  const NodePtr node = table.EnterIfRoom("/f", attributes, kNever);
  ASSERT_TRUE(node);
  EXPECT_EQ(*node->known().attributes, attributes);
  FillBeyondBudget(table);
  EXPECT_FALSE(table.EnterIfRoom("/g", *File(11).attributes, kNever));
  EXPECT_EQ(table.EnterIfRoom("/f", attributes, kNever), node) << "it is known";
  for (int i = 0; i < 50; ++i) table.Forget(table.Enter("/d/" + std::to_string(i), File(100 + i))->id(), 2);
  EXPECT_TRUE(table.EnterIfRoom("/g", *File(11).attributes, kNever));
}

}  // namespace
}  // namespace copper::fuse

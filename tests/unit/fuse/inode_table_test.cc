#include "../../../src/fuse/inode_table.h"  // private to the module

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "../../../src/fuse/directory_streams.h"

namespace copper::fuse {
namespace {

Node::Known File(uint64_t inode, int64_t mtime = 1, uint64_t device = 1) {
  auto attributes = std::make_shared<Attributes>();
  attributes->mode = S_IFREG | 0644;
  attributes->device = device;
  attributes->inode = inode;
  attributes->size = 100;
  attributes->mtime_ns = mtime;
  return {attributes, kNever};
}

Node::Known Directory(uint64_t inode, int64_t mtime = 1) {
  auto attributes = std::make_shared<Attributes>(*File(inode, mtime).attributes);
  attributes->mode = S_IFDIR | 0755;
  return {attributes, kNever};
}

TEST(InodeTable, ANewVersionIsANewNodeAndTheOldOneStays) {
  InodeTable table;
  const NodePtr old = table.Enter("/f", File(10, 1));
  EXPECT_EQ(table.Enter("/f", File(10, 1)), old);
  const NodePtr fresh = table.Enter("/f", File(10, 2));
  EXPECT_NE(fresh, old);
  EXPECT_NE(fresh->number(), old->number());
  EXPECT_EQ(table.Find(old->id()), old);
  EXPECT_EQ(old->version().mtime_ns, 1);
}

TEST(InodeTable, RenewedFilesAreNewNodesAndDirectoriesStay) {
  InodeTable table;
  const NodePtr directory = table.Enter("/d", Directory(2));
  const NodePtr old = table.Enter("/d/f", File(10));
  const NodePtr beside = table.Enter("/d2", File(11));
  const std::vector<NodePtr> renewed = table.Renew("/d");
  EXPECT_EQ(std::set<NodePtr>(renewed.begin(), renewed.end()), (std::set<NodePtr>{directory, old}));
  EXPECT_EQ(table.Enter("/d", Directory(2)), directory);
  EXPECT_EQ(table.Enter("/d2", File(11)), beside);
  const NodePtr fresh = table.Enter("/d/f", File(10));
  EXPECT_NE(fresh, old);
  table.Forget(old->id(), 1);
  EXPECT_EQ(table.Find(old->id()), nullptr);
  EXPECT_EQ(table.Enter("/d/f", File(10)), fresh) << "forgetting the old one leaves the new one";
  EXPECT_EQ(table.Renew("/").size(), 3U) << "all but the root";
}

TEST(InodeTable, ADirectoryStaysItselfWithNewAttributes) {
  InodeTable table;
  const NodePtr node = table.Enter("/d", Directory(10, 1));
  EXPECT_EQ(table.Enter("/d", Directory(10, 2)), node);
  EXPECT_EQ(node->known().attributes->mtime_ns, 2);
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
  for (uint64_t device = 1; device <= 3; ++device) {
    for (uint64_t inode = 1; inode <= 1000; ++inode) {
      const std::string path = "/" + std::to_string(device) + "/" + std::to_string(inode);
      numbers.insert(table.Enter(path, File(inode, 1, device))->number());
    }
  }
  EXPECT_EQ(numbers.size(), 3000U);
}

TEST(InodeTable, NumbersAreSharedByHardLinksAndOutliveForgetting) {
  InodeTable table;
  const NodePtr a = table.Enter("/a", File(10)), b = table.Enter("/b", File(10));
  EXPECT_NE(a, b);
  EXPECT_EQ(a->number(), b->number());
  EXPECT_EQ(a->number(), InodeNumberOf(1, 10));
  table.Forget(a->id(), 1);
  table.Forget(b->id(), 1);
  EXPECT_EQ(table.Enter("/c", File(10))->number(), a->number());
}

TEST(InodeNumbers, ANumberInUseIsNotGivenToAnother) {
  InodeNumbers numbers;
  const uint64_t first = numbers.Acquire(*File(10, 1).attributes);
  const uint64_t second = numbers.Acquire(*File(10, 2).attributes);  // the inode was used again by another file
  EXPECT_NE(first, second);
  EXPECT_EQ(numbers.Acquire(*File(10, 2).attributes), second);
  numbers.Release(first);
  numbers.Release(second);
  numbers.Release(second);
  EXPECT_EQ(numbers.size(), 0U);
}

fetch::Listed ListingOf(int names) {
  auto listing = std::make_shared<Listing>();
  listing->entries.resize(static_cast<size_t>(names));
  return {listing, kNever};
}

TEST(DirectoryStreams, AStreamStaysWithItsListing) {
  DirectoryStreams streams;
  const auto old = streams.Begin(ListingOf(3));
  const auto fresh = streams.Begin(ListingOf(5));
  const auto continued = streams.Continue(old.OffsetAfter(1));
  ASSERT_TRUE(continued);
  EXPECT_EQ(continued->listed.listing, old.listed.listing);
  EXPECT_EQ(continued->next, 2U);
  EXPECT_EQ(streams.Continue(fresh.OffsetAfter(6))->listed.listing, fresh.listed.listing);
  EXPECT_LT(old.OffsetAfter(4), uint64_t{1} << 32);  // the first listing's offsets fit programs with 32 bits
}

TEST(DirectoryStreams, OnlyTheLastFewAreKept) {
  DirectoryStreams streams;
  const auto first = streams.Begin(ListingOf(3));
  EXPECT_EQ(streams.Begin(first.listed).generation, first.generation);
  for (size_t i = 1; i < DirectoryStreams::kKept; ++i) streams.Begin(ListingOf(3));
  EXPECT_TRUE(streams.Continue(first.OffsetAfter(0)));
  streams.Begin(ListingOf(3));
  EXPECT_FALSE(streams.Continue(first.OffsetAfter(0)));
}

}  // namespace
}  // namespace copper::fuse

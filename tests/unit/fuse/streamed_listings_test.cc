#include "fuse/streamed_listings.h"  // private to the module

#include <gtest/gtest.h>

#include "copper/names/listing_builder.h"

namespace copper::fuse {
namespace {

fetch::Listed ListingOf(int count) {
  Attributes directory;
  directory.mode = 040755;
  ListingBuilder builder(directory);
  for (int i = 0; i < count; ++i) EXPECT_TRUE(builder.Add("name" + std::to_string(i), 1, 8));
  return {std::make_shared<const Listing>(builder.Build(true)), kNever};
}

NodePtr Directory(uint64_t id) {
  return std::make_shared<Node>(Node::Identity{.id = id, .path = "/d"});
}

TEST(StreamedListings, EachDirectoryHasTheLastOneThatWasReadFrom) {
  StreamedListings streamed;
  EXPECT_EQ(streamed.Find(7).listing, nullptr);
  const fetch::Listed one = ListingOf(1), other = ListingOf(2);
  streamed.Use(*Directory(7), one, 0);
  streamed.Use(*Directory(8), other, 0);
  EXPECT_EQ(streamed.Find(7).listing, one.listing);
  streamed.Use(*Directory(7), other, 0);
  EXPECT_EQ(streamed.Find(7).listing, other.listing);
  streamed.Drop(7);
  EXPECT_EQ(streamed.Find(7).listing, nullptr);
  EXPECT_EQ(streamed.Find(8).listing, other.listing);
  streamed.Drop(7);
}

TEST(StreamedListings, TheLastUsedAreKeptWithinABound) {
  StreamedListings streamed;
  const size_t fitting = StreamedListings::kMostBytes / ListingOf(10'000).listing->charge();
  for (size_t i = 0; i <= fitting; ++i) {
    streamed.Use(*Directory(i), ListingOf(10'000), 0);
    streamed.Use(*Directory(0), streamed.Find(0), 0);  // a reader that goes on
  }
  EXPECT_NE(streamed.Find(0).listing, nullptr);
  EXPECT_EQ(streamed.Find(1).listing, nullptr);
  for (size_t i = 2; i <= fitting; ++i) EXPECT_NE(streamed.Find(i).listing, nullptr);
}

TEST(StreamedListings, ALargeOneLeavesNoRoomForOthersButIsKeptItself) {
  StreamedListings streamed;
  streamed.Use(*Directory(1), ListingOf(3), 0);
  std::weak_ptr<const Listing> large;
  {
    const fetch::Listed listed = ListingOf(400'000);
    EXPECT_GT(listed.listing->charge(), StreamedListings::kMostBytes);
    streamed.Use(*Directory(2), listed, 0);
    large = listed.listing;
  }
  EXPECT_EQ(streamed.Find(1).listing, nullptr);
  EXPECT_NE(streamed.Find(2).listing, nullptr);
  streamed.Use(*Directory(1), ListingOf(3), 0);
  EXPECT_EQ(streamed.Find(2).listing, nullptr);
  EXPECT_TRUE(large.expired());
}

TEST(StreamedListings, OneFromBeforeAChangeDoesNotComeBack) {
  StreamedListings streamed;
  const NodePtr directory = Directory(7);
  const uint64_t before = directory->changes();
  const fetch::Listed old = ListingOf(1), renewed = ListingOf(2);
  streamed.Use(*directory, old, before);
  streamed.Outdate(*directory);
  EXPECT_EQ(streamed.Find(7).listing, nullptr);
  streamed.Use(*directory, old, before);
  EXPECT_EQ(streamed.Find(7).listing, nullptr);
  streamed.Use(*directory, renewed, directory->changes());
  streamed.Use(*directory, old, before);
  EXPECT_EQ(streamed.Find(7).listing, renewed.listing);
}

}  // namespace
}  // namespace copper::fuse

#include "../../../src/fuse/directory_streams.h"  // private to the module

#include <gtest/gtest.h>

#include "copper/base/listing_builder.h"

namespace copper::fuse {
namespace {

Attributes Directory(int64_t mtime) {
  Attributes directory;
  directory.mode = 040755;
  directory.inode = 7;
  directory.mtime = {mtime, 0};
  return directory;
}

fetch::Listed ListingOf(const std::vector<std::string>& names, bool with_attributes, int64_t mtime = 1) {
  ListingBuilder builder(Directory(mtime));
  for (const std::string& name : names) {
    Attributes attributes;
    attributes.mode = 0100644;
    EXPECT_TRUE(builder.Add(name, 1, 8, with_attributes ? &attributes : nullptr));
  }
  return {std::make_shared<const Listing>(std::move(builder).Build(true)), kNever};
}

fetch::Listed ListingOf(int count, int64_t mtime = 1) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("name" + std::to_string(i));
  return ListingOf(names, false, mtime);
}

constexpr uint64_t kMiddle = 3;

// A listing that was dropped is made again, perhaps without attributes: they are not cheap at every moment.
TEST(DirectoryStreams, GoOnWithTheSameNamesWhateverElseIsKnownOfThem) {
  DirectoryStreams streams;
  const uint64_t offset = streams.Begin(ListingOf({"a", "b", "c"}, true)).OffsetAfter(kMiddle);
  ASSERT_TRUE(streams.Continue(offset));
  EXPECT_EQ(streams.Continue(offset)->listed.listing, nullptr) << "nobody keeps it";
  const fetch::Listed again = ListingOf({"a", "b", "c"}, false);
  const auto position = streams.Resume(offset, again);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->listed.listing, again.listing);
}

TEST(DirectoryStreams, DoNotGoOnWithOtherNames) {
  DirectoryStreams streams;
  const uint64_t offset = streams.Begin(ListingOf({"a", "b", "c"}, true)).OffsetAfter(kMiddle);
  EXPECT_FALSE(streams.Resume(offset, ListingOf({"a", "b", "d"}, true))) << "within a tick";
  EXPECT_FALSE(streams.Resume(offset, ListingOf({"a", "b", "c", "d"}, true)));
  EXPECT_FALSE(streams.Resume(offset, ListingOf({"a", "b", "c"}, true, /*mtime=*/2)));
}

// As under a small budget: each of many readers finds the listing gone, and has it made again.
TEST(DirectoryStreams, AreNotForgottenForReadersOfTheSameNames) {
  DirectoryStreams streams;
  const uint64_t slow = streams.Begin(ListingOf({"a", "b", "c"}, true)).OffsetAfter(kMiddle);
  for (size_t i = 0; i < 3 * DirectoryStreams::kKept; ++i) streams.Begin(ListingOf({"a", "b", "c"}, i % 2 == 0));
  EXPECT_TRUE(streams.Resume(slow, ListingOf({"a", "b", "c"}, false)));
}

TEST(DirectoryStreams, OnlyTheLastFewAreKnown) {
  DirectoryStreams streams;
  const auto first = streams.Begin(ListingOf(3));
  EXPECT_EQ(streams.Begin(first.listed).generation, first.generation);
  for (int i = 1; i < static_cast<int>(DirectoryStreams::kKept); ++i) streams.Begin(ListingOf(3 + i));
  EXPECT_TRUE(streams.Continue(first.OffsetAfter(0)));
  streams.Begin(ListingOf(100));
  EXPECT_FALSE(streams.Continue(first.OffsetAfter(0)));
}

TEST(DirectoryStreams, AStreamStaysWithItsListing) {
  DirectoryStreams streams;
  const auto old = streams.Begin(ListingOf(3));
  const auto fresh = streams.Begin(ListingOf(5));
  const auto continued = streams.Continue(old.OffsetAfter(1));
  ASSERT_TRUE(continued);
  EXPECT_EQ(continued->listed.listing, old.listed.listing);
  EXPECT_EQ(continued->next, 2U);
  EXPECT_FALSE(continued->IsAtEnd());
  EXPECT_TRUE(streams.Continue(old.OffsetAfter(4))->IsAtEnd());
  EXPECT_EQ(streams.Continue(fresh.OffsetAfter(6))->listed.listing, fresh.listed.listing);
  EXPECT_LT(old.OffsetAfter(4), uint64_t{1} << 32);  // the first listing's offsets fit programs with 32 bits
}

TEST(DirectoryStreams, AStreamGoesOnWithTheSameListingAndWithNoOther) {
  DirectoryStreams streams;
  const uint64_t offset = streams.Begin(ListingOf(3)).OffsetAfter(1);  // and nobody keeps the listing
  const auto gone = streams.Continue(offset);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->listed.listing, nullptr);
  EXPECT_FALSE(gone->IsAtEnd());
  EXPECT_TRUE(streams.Continue(offset + 3)->IsAtEnd()) << "the end is known without it";
  EXPECT_FALSE(streams.Resume(offset, ListingOf(4)));
  EXPECT_FALSE(streams.Resume(offset, ListingOf(3, 2)));
  const fetch::Listed again = ListingOf(3);
  const auto resumed = streams.Resume(offset, again);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->next, 2U);
  EXPECT_EQ(streams.Continue(offset)->listed.listing, again.listing);
}

TEST(StreamedListings, TheLastUsedAreKeptWithinABound) {
  StreamedListings streamed;
  std::vector<std::weak_ptr<const Listing>> listings;
  const size_t fitting = StreamedListings::kMostBytes / ListingOf(10'000).listing->charge();
  for (size_t i = 0; i <= fitting; ++i) {
    const ListingPtr listing = ListingOf(10'000).listing;
    listings.push_back(listing);
    streamed.Use(listing);
    streamed.Use(listings[0].lock());  // a stream that goes on
  }
  EXPECT_FALSE(listings[0].expired());
  EXPECT_TRUE(listings[1].expired());
  EXPECT_FALSE(listings[2].expired());
  EXPECT_FALSE(listings.back().expired());
  streamed.Drop(listings.back().lock());
  EXPECT_TRUE(listings.back().expired());
}

TEST(StreamedListings, ALargeOneLeavesNoRoomForOthersButIsKeptItself) {
  StreamedListings streamed;
  const std::weak_ptr<const Listing> small = [&] {
    const ListingPtr listing = ListingOf(3).listing;
    streamed.Use(listing);
    return listing;
  }();
  const std::weak_ptr<const Listing> large = [&] {
    const ListingPtr listing = ListingOf(400'000).listing;
    EXPECT_GT(listing->charge(), StreamedListings::kMostBytes);
    streamed.Use(listing);
    return listing;
  }();
  EXPECT_TRUE(small.expired());
  EXPECT_FALSE(large.expired());
  streamed.Use(ListingOf(3).listing);
  EXPECT_TRUE(large.expired());
}

}  // namespace
}  // namespace copper::fuse

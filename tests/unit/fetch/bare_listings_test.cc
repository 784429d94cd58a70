// A listing without attributes never costs more requests than it spares looks.
#include "copper/cache/bare_listings.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "copper/base/path.h"
#include "copper/names/listing_builder.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using cache::BareListings;
using fakes::TestJob;
using profile::Event;
using Advice = BareListings::Advice;

Listing ListingOf(int bare, int told, int64_t changed = 1) {
  Attributes attributes;
  attributes.mode = S_IFDIR | 0755;
  attributes.mtime = {changed, 0};
  ListingBuilder builder(attributes);
  for (int i = 0; i < bare + told; ++i) {
    EXPECT_TRUE(builder.Add("name" + std::to_string(i), 7, DT_DIR, i < bare ? nullptr : &attributes));
  }
  return builder.Build(/*answers_absence=*/true);
}

// How many requests until it is worth more.
int RequestsUntil(BareListings& listings, const Listing* listing, Advice advice) {
  for (int i = 1; i < 100'000; ++i) {
    if (listings.NoteRequest("/d", listing) == advice) return i;
  }
  return -1;
}

TEST(BareListings, CostNoMoreThanTheySpare) {
  BareListings listings{storage::kMostWithAttributes};
  const Listing bare = ListingOf(100, 5);
  EXPECT_EQ(RequestsUntil(listings, &bare, Advice::kComplete), 51);
  EXPECT_EQ(RequestsUntil(listings, &bare, Advice::kComplete), 52) << "not at once again, if that failed";
}

TEST(BareListings, WhatWasLookedAtIsNotSpared) {
  BareListings listings{storage::kMostWithAttributes};
  const Listing bare = ListingOf(100, 0);
  for (int i = 0; i < 60; ++i) listings.NoteLook("/d", &bare);
  EXPECT_EQ(RequestsUntil(listings, &bare, Advice::kComplete), 21);
}

TEST(BareListings, AChangedDirectoryIsCountedAnew) {
  BareListings listings{storage::kMostWithAttributes};
  const Listing before = ListingOf(100, 0, 1);
  const Listing after = ListingOf(100, 0, 2);
  for (int i = 0; i < 45; ++i) EXPECT_EQ(listings.NoteRequest("/d", &before), Advice::kNone);
  EXPECT_EQ(RequestsUntil(listings, &after, Advice::kComplete), 51);
}

TEST(BareListings, WhatLacksAFewAttributesLacksThemForOtherReasons) {
  BareListings listings{storage::kMostWithAttributes};
  const Listing refreshed = ListingOf(2, 100);
  EXPECT_EQ(RequestsUntil(listings, &refreshed, Advice::kComplete), -1);
}

TEST(BareListings, SoManyRequestsAreWorthAListing) {
  BareListings listings{storage::kMostWithAttributes};
  EXPECT_EQ(RequestsUntil(listings, nullptr, Advice::kList), static_cast<int>(BareListings::kWorthAListing));
  EXPECT_EQ(RequestsUntil(listings, nullptr, Advice::kList), -1) << "once";
}

TEST(BareListings, RememberABoundedNumberOfDirectories) {
  BareListings listings{storage::kMostWithAttributes};
  for (size_t i = 0; i < 3 * BareListings::kMostDirectories; ++i) {
    EXPECT_EQ(listings.NoteRequest("/d" + std::to_string(i), nullptr), Advice::kNone);
  }
}

// The disaster: 203 requests to parents became 26,200, because one listing had found the source to be slow.
class BareListingsOfAJob : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr int kNames = 200;

  void SetUp() override {
    job_.store().SetAttributesInListings(false);
    for (int i = 0; i < kNames; ++i) job_.store().AddFile(Name(i), "x");
  }
  static std::string Name(int number) { return "/p/d/" + std::to_string(number); }
  uint64_t RequestsToParents() {
    uint64_t all = 0;
    for (Rank rank = 0; rank < job_.ranks(); ++rank)
      all += job_.node(rank).counters().Get(Event::kRequestsFromChildren);
    return all;
  }
  // Every rank, one name after the other.
  void LookEverywhere(int from, int to) {
    for (int i = from; i < to; ++i) {
      for (Rank rank = 0; rank < job_.ranks(); ++rank) ASSERT_NE(job_.node(rank).Look(Name(i))->attributes, nullptr);
    }
  }
  bool IsComplete() {
    const auto listed =
        job_.node(job_.forest().Root(job_.forest().OfDirectory("/p/d"))).cache().listings().Get({"/p/d"});
    return listed && listed->listing && listed->listing->Find(BaseName(Name(kNames - 1)))->has_attributes();
  }
  // By half of the names the root has had more requests and looks than there are names.
  void ExpectItEndsHalfWay() {
    LookEverywhere(0, kNames / 2);
    for (int i = 0; i < 3000 && !IsComplete(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(IsComplete());
    const uint64_t before = RequestsToParents();
    LookEverywhere(kNames / 2, kNames);
    // Each rank hears of the listing once, and asks for it; what it asks meanwhile is one name.
    EXPECT_LE(RequestsToParents() - before, job_.ranks() * 6);
    for (int i = 0; i < kNames; ++i) EXPECT_EQ(job_.store().counts(Name(i)).looks, 1U) << i;
  }
  TestJob job_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Ranks, BareListingsOfAJob, testing::Values(4, 15));

TEST_P(BareListingsOfAJob, NoMoreRequestsThanSparedLooks) {
  for (Rank rank = 0; rank < job_.ranks(); ++rank) ASSERT_TRUE(job_.node(rank).List("/p/d"));
  ExpectItEndsHalfWay();
}

TEST_P(BareListingsOfAJob, ADirectoryThatNobodyListsIsListed) {
  ASSERT_TRUE(job_.node(0).List("/p"));
  ExpectItEndsHalfWay();
  EXPECT_EQ(job_.store().counts("/p/d").lists, 1U);
}

}  // namespace
}  // namespace copper::fetch

#include "copper/profile/profile_stream.h"

#include <random>

#include "fakes/random_profile.h"
#include "gtest/gtest.h"

namespace copper::profile {
namespace {

using fakes::RandomProfile;
using fakes::TablesOf;

NextPiece PiecesOf(ProfileStream& stream) {
  return [&stream]() -> Result<Bytes> {
    if (auto piece = stream.Next()) return *std::move(piece);
    return Fail(EBADMSG);
  };
}

TEST(ProfileStream, BringsEverything) {
  const Profile sent = RandomProfile(1, {.rank = 3, .paths = 50'000});
  ProfileStream stream(sent);
  Profile empty{.tag = sent.tag, .target = sent.target, .metrics = true, .top_n = sent.top_n, .paths_full = true};
  ASSERT_TRUE(MergeStream(empty, PiecesOf(stream)));
  EXPECT_EQ(TablesOf(empty), TablesOf(sent));
  EXPECT_FALSE(stream.Next().has_value());
}

TEST(ProfileStream, PiecesFitIntoMessages) {
  Profile profile = RandomProfile(2, {.paths = 50'000});
  for (Rank rank = 1; rank < 10'000; ++rank) profile.ranks.push_back({.rank = rank, .host = std::string(60, 'h')});
  ProfileStream stream(profile);
  size_t pieces = 0;
  while (const auto piece = stream.Next()) {
    EXPECT_LE(piece->size(), ProfileStream::kMaxPiece);
    ++pieces;
  }
  EXPECT_GE(pieces, 4U);
}

TEST(ProfileStream, MergesAsIfCountedOnOneRank) {
  Profile expected = RandomProfile(3, {.rank = 0, .paths = 2'000});
  Profile into = expected;
  const Profile other = RandomProfile(4, {.rank = 1, .paths = 3'000});
  Merge(expected, other);
  ProfileStream stream(other);
  ASSERT_TRUE(MergeStream(into, PiecesOf(stream)));
  EXPECT_EQ(TablesOf(into), TablesOf(expected));
}

TEST(ProfileStream, OneThatBreaksOffBringsNoRank) {
  Profile into = RandomProfile(5, {.rank = 0, .paths = 10});
  const Profile other = RandomProfile(6, {.rank = 1, .paths = 100'000});
  ProfileStream stream(other);
  int left = 2;
  const Status merged = MergeStream(into, [&]() -> Result<Bytes> {
    if (left-- == 0) return Fail(EHOSTDOWN);
    return *stream.Next();
  });
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, EHOSTDOWN);
  EXPECT_EQ(into.Missing(), (std::vector<Rank>{1, 2, 3, 4, 5, 6, 7}));
}

TEST(ProfileStream, AnyBytesAreRefusedOrRead) {
  ProfileStream stream(RandomProfile(7, {.paths = 100}));
  std::vector<Bytes> pieces;
  while (auto piece = stream.Next()) pieces.push_back(*std::move(piece));
  std::mt19937_64 random(8);
  size_t refused = 0;
  for (int i = 0; i < 500; ++i) {
    size_t next = 0;
    Profile into;
    const Status merged = MergeStream(into, [&]() -> Result<Bytes> {
      if (next == pieces.size()) return Fail(EBADMSG);
      const Bytes& piece = pieces[next++];
      std::vector<std::byte> bytes(piece.data(), piece.data() + piece.size());
      bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
      bytes.resize(bytes.size() - random() % std::min<size_t>(bytes.size(), 4));
      return Bytes::Copy(bytes);
    });
    if (!merged) ++refused;
  }
  EXPECT_GT(refused, 400U);
}

TEST(Profile, NamesTheRanksThatAreMissing) {
  Profile profile{.job_ranks = 4};
  profile.ranks = {{.rank = 1}, {.rank = 2}};
  EXPECT_EQ(profile.Missing(), (std::vector<Rank>{0, 3}));
}

}  // namespace
}  // namespace copper::profile

// The small ones: ids, hash, json, result, unique_fd.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "copper/base/hash.h"
#include "copper/base/ids.h"
#include "copper/base/size_text.h"
#include "copper/base/unique_fd.h"
#include "copper/jobdir/json.h"

namespace copper {
namespace {

TEST(Ids, RandomIdentitiesDiffer) {
  const auto one = JobIdentity::Random();
  const auto two = JobIdentity::Random();
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->id, two->id);
  EXPECT_NE(one->key, two->key);
}

TEST(Ids, HexHasTwoDigitsAByte) {
  JobId id{};
  id[0] = std::byte{0x0f};
  id[15] = std::byte{0xa0};
  EXPECT_EQ(ToHex(id), "0f0000000000000000000000000000a0");
}

// Part of wire version 1: nodes of different builds must choose the same trees.
TEST(Hash, IsTheSameEverywhere) {
  EXPECT_EQ(Hash(std::string_view()), 0x2d06800538d394c2U);
  EXPECT_EQ(Hash("/usr/lib"), Hash(std::string("/usr/lib")));
  EXPECT_NE(Hash("/usr/lib", 1), Hash("/usr/lib"));
  EXPECT_NE(Hash(uint64_t{1}), Hash(uint64_t{2}));
}

TEST(Json, WhatIsNestedTooDeepForRecursionIsAnError) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseJson(nested(20)));
  EXPECT_EQ(ParseJson(nested(1'000'000)).error().code, EINVAL);
  EXPECT_TRUE(ParseJson("[\"" + std::string(1000, '[') + "\\\"{\"]")) << "these are in a text";
}

TEST(Json, TextThatIsNoneIsAnError) {
  EXPECT_EQ((*ParseJson("{\"a\": [1, 2]}"))["a"][1], 2);
  EXPECT_EQ(ParseJson("{\"a\":").error().code, EINVAL);
  EXPECT_EQ(ParseJson("").error().code, EINVAL);
}

TEST(Errors, DescribeThemselves) {
  EXPECT_EQ((Error{ENOENT, {}}.Describe()), "No such file or directory");
  EXPECT_EQ((Error{ENOENT, "no mount"}.Describe()), "no mount");
  errno = EACCES;
  const Status failed = FailErrno("cannot open /x");
  EXPECT_EQ(failed.error().code, EACCES);
  EXPECT_EQ(failed.error().message, "cannot open /x: Permission denied");
}

bool IsOpen(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}

TEST(UniqueFd, ClosesOnce) {
  int number = -1;
  {
    UniqueFd one(open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = one.get();
    ASSERT_TRUE(one);
    UniqueFd two(std::move(one));
    EXPECT_EQ(two.get(), number);
    UniqueFd three;
    EXPECT_FALSE(three);
    three = std::move(two);
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFd, ReleaseGivesUpOwnership) {
  UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = file.Release();
  EXPECT_FALSE(file);
  EXPECT_TRUE(IsOpen(number));
  file.Reset(number);
  file.Reset();
  EXPECT_FALSE(IsOpen(number));
}

TEST(ParseSize, TakesBytesWithALetter) {
  EXPECT_EQ(ParseSize("0"), 0U);
  EXPECT_EQ(ParseSize("64K"), 65536U);
  EXPECT_EQ(ParseSize("3m"), 3U << 20);
  EXPECT_EQ(ParseSize("16G"), uint64_t{16} << 30);
  EXPECT_EQ(ParseSize("18446744073709551615"), UINT64_MAX);
  for (const char* const wrong : {"", "K", "-1", "1.5M", "1KB", " 1", "1 ", "18446744073709551616", "17179869184G"}) {
    EXPECT_EQ(ParseSize(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace copper

// Attributes as no usual file has them, from the source's stat to the kernel's.
#include <dirent.h>
#include <gtest/gtest.h>

#include <climits>

#include "copper/names/listing_builder.h"
#include "copper/wire/payload.h"
#include "fuse/kernel_values.h"  // private to their modules
#include "storage/stat.h"
#include "unit/storage/same_attributes.h"

namespace copper::fuse {
namespace {

constexpr int64_t kNumbers[] = {0, 1, INT32_MAX, int64_t{UINT32_MAX} + 1, INT64_MAX - 1, INT64_MAX};
constexpr int64_t kSeconds[] = {INT64_MIN, INT32_MIN, -1, 0, int64_t{UINT32_MAX} + 1, INT64_MAX};

struct stat Extreme(int64_t number, int64_t seconds) {
  struct stat found{};
  found.st_mode = S_IFCHR | 07777;
  found.st_nlink = found.st_uid = found.st_gid = static_cast<uint32_t>(number);
  found.st_rdev = found.st_ino = static_cast<uint64_t>(number);
  found.st_size = found.st_blocks = number;
  found.st_blksize = 4096;
  found.st_atim = found.st_mtim = found.st_ctim = {.tv_sec = seconds, .tv_nsec = 999'999'999};
  return found;
}

void ExpectSame(const struct stat& shown, const struct stat& found) {
  storage::ExpectSame(storage::AttributesOf(shown), found);
  EXPECT_EQ(shown.st_atim.tv_sec, found.st_atim.tv_sec);
}

TEST(ExtremeAttributes, ComeThroughAsTheyAre) {
  for (const int64_t number : kNumbers) {
    for (const int64_t seconds : kSeconds) {
      const struct stat found = Extreme(number, seconds);
      const Attributes attributes = storage::AttributesOf(found);
      const auto alone = wire::DecodeAttributes(wire::EncodeAttributes(attributes).span());
      ASSERT_TRUE(alone);
      ExpectSame(ToStat(*alone, found.st_ino), found);
      Attributes directory = attributes;
      directory.mode = S_IFDIR | 0755;
      ListingBuilder builder(directory);
      ASSERT_TRUE(builder.Add("f", found.st_ino, DT_CHR, &attributes));
      const auto listing = wire::DecodeListing(wire::EncodeListing(builder.Build(true)));
      ASSERT_TRUE(listing);
      EXPECT_EQ(listing->directory(), directory);
      ExpectSame(ToStat(*listing->Find("f")->attributes(), found.st_ino), found);
    }
  }
}

}  // namespace
}  // namespace copper::fuse

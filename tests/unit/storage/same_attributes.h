// That attributes are what a stat of the source gave.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "copper/names/attributes.h"

namespace copper::storage {

inline void ExpectSame(const Attributes& ours, const struct stat& theirs) {
  EXPECT_EQ(ours.mode, theirs.st_mode);
  EXPECT_EQ(ours.nlink, theirs.st_nlink);
  EXPECT_EQ(ours.uid, theirs.st_uid);
  EXPECT_EQ(ours.gid, theirs.st_gid);
  EXPECT_EQ(ours.rdev, theirs.st_rdev);
  EXPECT_EQ(ours.inode, theirs.st_ino);
  EXPECT_EQ(ours.size, static_cast<uint64_t>(theirs.st_size));
  EXPECT_EQ(ours.blocks, static_cast<uint64_t>(theirs.st_blocks));
  EXPECT_EQ(ours.mtime, FileTime::From(theirs.st_mtim));
  EXPECT_EQ(ours.ctime, FileTime::From(theirs.st_ctim));
}

}  // namespace copper::storage

#include "storage/open_files.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::storage {
namespace {

OpenFiles::File Opened() {
  return std::make_shared<OpenFile>(UniqueFd(), FileTime{});
}

TEST(OpenFiles, KeepsTheFirstOfEachVersion) {
  OpenFiles files;
  const OpenFiles::File first = Opened();
  files.Keep("/f", {.inode = 1}, first, files.Begin());
  files.Keep("/f", {.inode = 1}, Opened(), files.Begin());
  EXPECT_EQ(files.Find("/f", {.inode = 1}), first);
  EXPECT_EQ(files.Find("/f", {.inode = 2}), nullptr);
  EXPECT_EQ(files.Find("/g", {.inode = 1}), nullptr);
}

// It was opened by its path, which may lead elsewhere by now: that is why it was dropped.
TEST(OpenFiles, WhatWasBeingOpenedWhenItWasDroppedIsNotKept) {
  OpenFiles files;
  const OpenFiles::Moment begun = files.Begin();
  files.Drop("/f", {.inode = 1});
  files.Keep("/f", {.inode = 1}, Opened(), begun);
  EXPECT_EQ(files.Find("/f", {.inode = 1}), nullptr);
  const OpenFiles::File next = Opened();
  files.Keep("/f", {.inode = 1}, next, files.Begin());
  EXPECT_EQ(files.Find("/f", {.inode = 1}), next);
}

TEST(OpenFiles, TheOneThatWasUsedLongestAgoLeaves) {
  OpenFiles files;
  for (uint64_t inode = 0; inode < OpenFiles::kCapacity; ++inode)
    files.Keep("/f", {.inode = inode}, Opened(), files.Begin());
  EXPECT_NE(files.Find("/f", {.inode = 0}), nullptr);
  files.Keep("/f", {.inode = OpenFiles::kCapacity}, Opened(), files.Begin());
  EXPECT_NE(files.Find("/f", {.inode = 0}), nullptr);
  EXPECT_EQ(files.Find("/f", {.inode = 1}), nullptr);
}

}  // namespace
}  // namespace copper::storage

#include "copper/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

TEST(Files, WhatIsWrittenIsRead) {
  const TemporaryDirectory directory;
  const std::string content(200'000, 'x');
  ASSERT_TRUE(WriteWholeFile(directory.At("f"), content, 0600));
  EXPECT_EQ(*ReadWholeFile(directory.At("f")), content);
  struct stat found{};
  ASSERT_EQ(stat(directory.At("f").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  ASSERT_TRUE(WriteWholeFile(directory.At("f"), "short"));
  EXPECT_EQ(*ReadWholeFile(directory.At("f")), "short");
  EXPECT_EQ(directory.entries(), 1U) << "no temporary file is left";
}

TEST(Files, ErrorsNameTheFile) {
  const TemporaryDirectory directory;
  const auto absent = ReadWholeFile(directory.At("absent"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ENOENT);
  EXPECT_NE(absent.error().message.find(directory.At("absent")), std::string::npos);
  EXPECT_EQ(WriteWholeFile(directory.At("no/such"), "").error().code, ENOENT);
  ASSERT_EQ(mkdir(directory.At("d").c_str(), 0755), 0);
  EXPECT_FALSE(WriteWholeFile(directory.At("d"), "")) << "not over a directory";
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(Files, DirectoriesAreMadeWithTheirParents) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(MakeDirectories(directory.At("a/b/c")));
  EXPECT_TRUE(MakeDirectories(directory.At("a/b/c")));
  EXPECT_TRUE(MakeDirectories(directory.At("a/b/d/")));
  EXPECT_TRUE(std::filesystem::is_directory(directory.At("a/b/d")));
  ASSERT_TRUE(WriteWholeFile(directory.At("file"), ""));
  EXPECT_EQ(MakeDirectories(directory.At("file")).error().code, ENOTDIR);
  EXPECT_EQ(MakeDirectories(directory.At("file/below")).error().code, ENOTDIR);
}

TEST(Files, WhatIsNoFileIsNotReadSinceItMayNeverEnd) {
  const TemporaryDirectory directory;
  EXPECT_EQ(ReadWholeFile("/dev/zero").error().code, ENODEV);
  ASSERT_EQ(mkfifo(directory.At("fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReadWholeFile(directory.At("fifo")).error().code, ENODEV);
  EXPECT_EQ(ReadWholeFile(directory.path()).error().code, EISDIR);
  EXPECT_TRUE(ReadWholeFile("/proc/self/mountinfo")) << "has no size, but is one";
}

TEST(Files, AFileMayHaveOnlySoManyBytes) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteWholeFile(directory.At("file"), "12345678"));
  EXPECT_EQ(ReadWholeFile(directory.At("file"), 8).value_or(""), "12345678");
  const auto read = ReadWholeFile(directory.At("file"), 7);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EFBIG);
  EXPECT_NE(read.error().message.find("the 7 bytes that it may have"), std::string::npos);
}

}  // namespace
}  // namespace copper

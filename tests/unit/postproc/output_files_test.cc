#include "output_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper::postproc {
namespace {

using fakes::TemporaryDirectory;

std::string TextOfFile(const std::string& path) {
  return ReadWholeFile(path).value_or("cannot be read");
}

TEST(OutputFiles, AppearTogether) {
  const TemporaryDirectory directory;
  auto files = OutputFiles::In(directory.At("new/folder"));
  ASSERT_TRUE(files) << files.error().Describe();
  ASSERT_TRUE((*files)->Add("a.txt", "one"));
  const Result<size_t> grows = (*files)->Open("b.txt");
  ASSERT_TRUE(grows);
  (*files)->Append(*grows, "two");
  (*files)->Append(*grows, "three");
  EXPECT_FALSE(std::filesystem::exists(directory.At("new/folder/a.txt")));
  ASSERT_TRUE((*files)->Commit());
  EXPECT_EQ(TextOfFile(directory.At("new/folder/a.txt")), "one");
  EXPECT_EQ(TextOfFile(directory.At("new/folder/b.txt")), "twothree");
}

TEST(OutputFiles, LeaveNothingWhenTheyAreGivenUp) {
  const TemporaryDirectory directory;
  {
    auto files = OutputFiles::In(directory.At("new/folder"));
    ASSERT_TRUE(files);
    ASSERT_TRUE((*files)->Add("a.txt", "one"));
  }
  EXPECT_EQ(directory.entries(), 0U);
}

TEST(OutputFiles, LeaveWhatWasThereWhenTheyAreGivenUp) {
  const TemporaryDirectory directory;
  std::ofstream(directory.At("a.txt")) << "old";
  {
    auto files = OutputFiles::In(directory.path());
    ASSERT_TRUE(files);
    ASSERT_TRUE((*files)->Add("a.txt", "new"));
  }
  EXPECT_EQ(TextOfFile(directory.At("a.txt")), "old");
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(OutputFiles, AreRefusedBeforeTheWorkWhereNothingCanBeWritten) {
  const TemporaryDirectory directory;
  std::ofstream(directory.At("file")) << "x";
  const auto files = OutputFiles::In(directory.At("file/folder"));
  ASSERT_FALSE(files);
  EXPECT_THAT(files.error().Describe(), testing::HasSubstr("cannot write into " + directory.At("file/folder")));
  EXPECT_FALSE(OutputFiles::In("/proc/here"));
}

TEST(OutputFiles, LeaveADeviceWhatItIs) {
  const TemporaryDirectory directory;
  std::filesystem::create_symlink("/dev/null", directory.At("nowhere"));
  auto files = OutputFiles::In(directory.path());
  ASSERT_TRUE(files);
  ASSERT_TRUE((*files)->Add("nowhere", "text"));
  ASSERT_TRUE((*files)->Commit());
  EXPECT_TRUE(std::filesystem::is_character_file(directory.At("nowhere")));
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(OutputFiles, GetNoNameWhereOneOfThemCannotBeWritten) {
  const TemporaryDirectory directory;
  auto files = OutputFiles::In(directory.path());
  ASSERT_TRUE(files);
  ASSERT_TRUE((*files)->Add("a.txt", "one"));
  std::filesystem::create_directory(directory.At("b.txt"));
  const Status added = (*files)->Add("b.txt", "two");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, EISDIR);
  files->reset();
  EXPECT_FALSE(std::filesystem::exists(directory.At("a.txt")));
}

}  // namespace
}  // namespace copper::postproc

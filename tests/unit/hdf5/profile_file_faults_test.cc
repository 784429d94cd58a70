// What cannot be written says so, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/sample_profile.h"
#include "fakes/temporary_directory.h"

namespace copper::profile {
namespace {

using fakes::TemporaryDirectory;

using ::testing::HasSubstr;

// A file system of a few pages.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& at)
      : at_(at), mounted_(mount("copper-test", at.c_str(), "tmpfs", 0, "size=8k") == 0) {}
  ~SmallDisk() {
    if (mounted_) umount2(at_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string at_;
  bool mounted_;
};

TEST(ProfileFileFaults, FullDisk) {
  const TemporaryDirectory directory;
  const SmallDisk disk(directory.path());
  if (!disk.mounted()) GTEST_SKIP() << "only root may mount";
  const std::string file = directory.At("copper_profile.h5");
  ASSERT_TRUE(WriteWholeFile(file, "what was there before"));
  const Status written = WriteProfile(file, SampleProfile());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ENOSPC);
  EXPECT_THAT(written.error().message, HasSubstr("cannot write " + file));
  EXPECT_THAT(written.error().message, HasSubstr("No space left on device"));
  EXPECT_EQ(directory.entries(), 1U) << "no temporary file";
  EXPECT_EQ(ReadWholeFile(file).value_or(""), "what was there before");
  EXPECT_FALSE(WritePathTable(file, RandomProfile(1)));
}

TEST(ProfileFileFaults, NoFolderCanBeMade) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteWholeFile(directory.At("profiling"), "a file"));
  const Status written = WriteProfile(directory.At("profiling/final/copper_profile.h5"), SampleProfile());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ENOTDIR);
  EXPECT_THAT(written.error().message, HasSubstr(directory.At("profiling")));
}

TEST(ProfileFileFaults, FolderInItsPlace) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("copper_profile.h5");
  ASSERT_TRUE(MakeDirectories(file));
  const Status written = WriteProfile(file, SampleProfile());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, EISDIR);
  EXPECT_THAT(written.error().message, HasSubstr(file));
  EXPECT_EQ(directory.entries(), 1U) << "no temporary file";
}

}  // namespace
}  // namespace copper::profile

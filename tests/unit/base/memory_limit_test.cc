#include "copper/base/memory_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

class MemoryLimitTest : public testing::Test {
 protected:
  void Write(const std::string& file, const std::string& content) {
    const std::string path = directory_.path() + file;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(WriteWholeFile(path, content));
  }
  uint64_t Limit() const { return MemoryLimit(directory_.path()); }
  static uint64_t Ram() {
    return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }

  TemporaryDirectory directory_;
};

TEST_F(MemoryLimitTest, IsTheMachinesWhereNothingElseIsSaid) {
  EXPECT_EQ(Limit(), Ram());
}

TEST_F(MemoryLimitTest, OfTheAddressSpaceIsTheLeastOfTheTwo) {
  EXPECT_EQ(AddressSpaceLimit(directory_.path()), UINT64_MAX);
  Write("/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max data size             unlimited            unlimited            bytes     \n"
        "Max address space         unlimited            unlimited            bytes     \n");
  EXPECT_EQ(AddressSpaceLimit(directory_.path()), UINT64_MAX);
  Write("/proc/self/limits",
        "Max data size             9000000000           unlimited            bytes     \n"
        "Max address space         4294967296           unlimited            bytes     \n");
  EXPECT_EQ(AddressSpaceLimit(directory_.path()), uint64_t{1} << 32);
}

TEST_F(MemoryLimitTest, OfVersion2IsTheLeastOfTheGroupAndThoseAboveIt) {
  Write("/proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  Write("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  Write("/sys/fs/cgroup/slurm/memory.max", "max\n");
  Write("/sys/fs/cgroup/slurm/job_7/memory.max", "5000000\n");
  Write("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "7000000\n");
  EXPECT_EQ(Limit(), 5000000U);
}

TEST_F(MemoryLimitTest, OfVersion1IsFoundAmongTheOtherControllers) {
  Write("/proc/self/cgroup", "5:devices:/d\n4:cpu,memory:/g\n0::/\n");
  Write("/proc/self/mountinfo",
        "31 1 0:27 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
        "32 1 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n");
  Write("/sys/fs/cgroup/devices/d/memory.limit_in_bytes", "1\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/g/memory.limit_in_bytes", "6000000\n");
  EXPECT_EQ(Limit(), 6000000U);
}

TEST_F(MemoryLimitTest, InAContainerIsThatOfTheMountedGroup) {
  Write("/proc/self/cgroup", "4:memory:/docker/abc\n");
  Write("/proc/self/mountinfo", "32 1 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "8000000\n");
  EXPECT_EQ(Limit(), 8000000U);
}

}  // namespace
}  // namespace copper

#include "copper/base/program_pages.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include "copper/base/files.h"
#include "copper/base/unique_fd.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kSize = size_t{1} << 20;

std::string Entry(const std::string& range, const std::string& rights, int inode, int rss, int anonymous, int swap) {
  return range + " " + rights + " 00001000 fe:01 " + std::to_string(inode) + "      /usr/lib/lib x.so\n" +
         "Size:               1024 kB\nRss:                " + std::to_string(rss) +
         " kB\nPss:                   3 kB\nAnonymous:           " + std::to_string(anonymous) +
         " kB\nSwap:                " + std::to_string(swap) + " kB\nSwapPss:  7 kB\nVmFlags: rd ex mr mw me\n";
}

TEST(ProgramPages, AreThoseOfUnchangedFilesThatCannotBeWritten) {
  const std::string text = Entry("7f0010000000-7f0010100000", "r-xp", 5, 12, 0, 0);
  EXPECT_THAT(UnchangedMappings(text), ElementsAre(MappedRange{0x7f0010000000, 0x7f0010100000}));
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "rw-p", 5, 12, 0, 0)), IsEmpty());
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "r--s", 5, 12, 0, 0)), IsEmpty());
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "r--p", 0, 12, 0, 0)), IsEmpty()) << "of no file";
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "r--p", 5, 0, 0, 0)), IsEmpty()) << "nothing is there";
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "r--p", 5, 12, 4, 0)), IsEmpty()) << "relocated";
  EXPECT_THAT(UnchangedMappings(Entry("7f00-7f10", "r--p", 5, 12, 0, 4)), IsEmpty()) << "relocated, swapped out";
  EXPECT_THAT(UnchangedMappings(Entry("1000-2000", "r--p", 5, 4, 4, 0) + text + Entry("3000-4000", "r--p", 6, 4, 0, 0)),
              ElementsAre(MappedRange{0x7f0010000000, 0x7f0010100000}, MappedRange{0x3000, 0x4000}));
  EXPECT_THAT(UnchangedMappings(""), IsEmpty());
  EXPECT_THAT(UnchangedMappings("nonsense\n-\n7f00\n7f00-\nRss: 4 kB"), IsEmpty());
}

// Kilobytes of it in memory, as this process has it.
uint64_t ResidentKb(const void* mapping) {
  const std::string smaps = ReadWholeFile("/proc/self/smaps").value_or("");
  char range[32];
  std::snprintf(range, sizeof range, "\n%lx-", reinterpret_cast<unsigned long>(mapping));
  const size_t head = smaps.find(range);
  const size_t field = smaps.find("\nRss:", head);
  return head == std::string::npos ? 0 : std::strtoull(smaps.c_str() + field + 5, nullptr, 10);
}

class MappedFile {
 public:
  MappedFile() {
    const std::string content(kSize, 'x');
    EXPECT_TRUE(WriteWholeFile(directory_.At("file"), content));
    const UniqueFd file(open(directory_.At("file").c_str(), O_RDONLY | O_CLOEXEC));
    at_ = static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0));
    EXPECT_NE(at_, MAP_FAILED);
  }
  ~MappedFile() { munmap(at_, kSize); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  char* at() const { return at_; }
  void TouchAll() const { EXPECT_EQ(std::count(at_, at_ + kSize, 'x'), static_cast<std::ptrdiff_t>(kSize)); }
  void MakeReadOnly() const { EXPECT_EQ(mprotect(at_, kSize, PROT_READ), 0); }

 private:
  TemporaryDirectory directory_;
  char* at_ = nullptr;
};

TEST(ProgramPages, AreLetGoAndComeAgain) {
  const MappedFile file;
  file.MakeReadOnly();
  file.TouchAll();
  EXPECT_EQ(ResidentKb(file.at()), kSize / 1024);
  LetGoOfProgramPages();
  EXPECT_EQ(ResidentKb(file.at()), 0U);
  file.TouchAll();
}

TEST(ProgramPages, WhatWasChangedStays) {
  const MappedFile file;
  file.TouchAll();
  file.at()[kSize / 2] = 'y';  // as the dynamic linker does, before it takes the right to write away
  file.MakeReadOnly();
  LetGoOfProgramPages();
  EXPECT_EQ(file.at()[kSize / 2], 'y');
}

}  // namespace
}  // namespace copper

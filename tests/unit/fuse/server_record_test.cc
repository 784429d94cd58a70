// A known sequence of requests gives exactly these records.
#include <gmock/gmock.h>

#include <map>

#include "copper/profile/recorder.h"
#include "served.h"

namespace copper::fuse {
namespace {

using profile::Operation;
using profile::OperationUse;
using profile::PathKind;
using profile::PathUse;

class ServedRecords : public Served {
 protected:
  profile::Recorder& recorder() { return job_->node(0).recorder(); }
  OperationUse Of(Operation operation) { return job_->node(0).Recorded(operation); }
  std::map<std::string, PathUse> Paths() {
    profile::Profile profile;
    recorder().Fill(profile);
    std::map<std::string, PathUse> rows;
    profile.paths.ForEach([&](std::string_view path, const PathUse& use) { rows.emplace(path, use); });
    return rows;
  }
  void StartRecording() { Start({}, size_t{64} << 20, /*recording=*/true); }
  void ExpectCalls(Operation operation, uint64_t calls, uint64_t hits, uint64_t misses, uint64_t negative,
                   uint64_t errors) {
    const OperationUse use = Of(operation);
    const std::string_view name = Name(operation);
    EXPECT_EQ(use.calls, calls) << name;
    EXPECT_EQ(use.hits, hits) << name;
    EXPECT_EQ(use.misses, misses) << name;
    EXPECT_EQ(use.coalesced, 0U) << name;
    EXPECT_EQ(use.negative, negative) << name;
    EXPECT_EQ(use.errors, errors) << name;
    EXPECT_EQ(counters_.Get(operation), calls) << name;
  }
};

TEST_F(ServedRecords, EachRequestIsRecordedOnceByTheTimeItsCallerKnows) {
  StartRecording();
  store().AddFile("/lib/a.so", "abcd");
  store().AddSymlink("/lib/b.so", "a.so");
  const auto lib = kernel_.Lookup(1, "lib");
  const auto file = kernel_.Walk("lib/a.so");  // looks lib up again
  const auto link = kernel_.Lookup(lib.out.nodeid, "b.so");
  EXPECT_EQ(kernel_.Lookup(lib.out.nodeid, "absent").out.nodeid, 0U);
  ExpectCalls(Operation::kLookup, 5, 3, 2, 1, 0);  // the listings of / and of /lib are fetched

  fuse_attr_out attr{};
  ASSERT_EQ(kernel_.Getattr(file.out.nodeid, attr).error, 0);
  ExpectCalls(Operation::kGetattr, 1, 1, 0, 0, 0);
  ASSERT_EQ(kernel_.Call(FUSE_READLINK, link.out.nodeid).error, 0);
  ExpectCalls(Operation::kReadlink, 1, 1, 0, 0, 0);
  ASSERT_EQ(kernel_.Read(file.out.nodeid, 0, 4096).body, "abcd");
  ASSERT_EQ(kernel_.Read(file.out.nodeid, 2, 4096).body, "cd");
  ASSERT_EQ(kernel_.Read(file.out.nodeid, 4, 4096).body, "");
  ExpectCalls(Operation::kRead, 3, 1, 1, 0, 0);  // the end of a file needs nothing
  ASSERT_EQ(kernel_.Readdir(lib.out.nodeid, 0).error, 0);
  ExpectCalls(Operation::kReaddir, 1, 1, 0, 0, 0);
  ASSERT_EQ(kernel_.Call(FUSE_READLINK, file.out.nodeid).error, EINVAL);
  ExpectCalls(Operation::kReadlink, 2, 1, 0, 0, 1);

  EXPECT_EQ(Paths(),
            (std::map<std::string, PathUse>{
                {"/lib", {.kind = PathKind::kDirectory, .events = 3, .hits = 2, .misses = 1}},
                {"/lib/a.so", {.kind = PathKind::kFile, .events = 6, .hits = 2, .misses = 2, .bytes = 6}},
                {"/lib/absent", {.kind = PathKind::kAbsent, .events = 1, .hits = 1, .negative = 1, .ttl_serves = 1}},
                {"/lib/b.so", {.kind = PathKind::kSymlink, .events = 2, .hits = 2}}}));
}

TEST_F(ServedRecords, ANameThatWasOnlyListedIsNotUsed) {
  StartRecording();
  EXPECT_EQ(init_.flags & FUSE_DO_READDIRPLUS, 0U) << "the kernel must look names up to use them";
  store().AddFile("/dir/used", "x");
  store().AddFile("/dir/listed", "x");
  const auto dir = kernel_.Lookup(1, "dir");
  ASSERT_EQ(kernel_.Readdir(dir.out.nodeid, 0).names.size(), 4U);
  ASSERT_EQ(kernel_.Lookup(dir.out.nodeid, "used").error, 0);
  const auto paths = Paths();
  EXPECT_TRUE(paths.contains("/dir/used"));
  EXPECT_FALSE(paths.contains("/dir/listed"));
}

TEST_F(ServedRecords, WithoutFullPathsReaddirplusStaysOn) {
  Start();
  EXPECT_NE(init_.flags & FUSE_DO_READDIRPLUS, 0U);
}

TEST_F(ServedRecords, TheLiveDirectoryIsNoPathOfTheSource) {
  StartRecording();
  const auto status = kernel_.Walk(".copper/status.json");
  ASSERT_EQ(kernel_.Read(status.out.nodeid, 0, 4096).error, 0);
  ASSERT_EQ(kernel_.Lookup(kernel_.Lookup(1, ".copper").out.nodeid, "nothing").error, ENOENT);
  EXPECT_TRUE(Paths().empty());
  ExpectCalls(Operation::kLookup, 4, 0, 0, 1, 0);
}

TEST_F(ServedRecords, AnInterruptedReadIsOneCallWhateverComesLater) {
  StartRecording();
  store().AddFile("/a", "abcd");
  const auto file = kernel_.Lookup(1, "a");
  store().Block(fakes::MemoryStore::Kind::kRead, "/a");
  const uint64_t read = kernel_.SendRead(file.out.nodeid, 0, 4096);
  ASSERT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kRead, "/a", 1));
  KillCaller();
  kernel_.Interrupt(read);
  EXPECT_EQ(kernel_.Wait(read).error, EINTR);
  store().Release(fakes::MemoryStore::Kind::kRead, "/a");
  ASSERT_EQ(kernel_.Read(file.out.nodeid, 0, 4096).body, "abcd");
  const OperationUse reads = Of(Operation::kRead);
  EXPECT_EQ(reads.calls, 2U);
  EXPECT_EQ(reads.errors, 1U);
  EXPECT_EQ(reads.latency.count(), 1U);
}

TEST_F(ServedRecords, WhatChangesSomethingIsAnErrorAndWhatIsTurnedOffIsNone) {
  StartRecording();
  EXPECT_EQ(kernel_.Call(FUSE_UNLINK, 1, std::string("a\0", 2)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_OPEN, 1, std::string(sizeof(fuse_open_in), '\0')).error, ENOSYS);
  ExpectCalls(Operation::kOther, 1, 0, 0, 0, 1);
  ExpectCalls(Operation::kOpen, 1, 0, 0, 0, 0);
}

TEST_F(ServedRecords, WhatIsPendingAtTheEndIsRecorded) {
  StartRecording();
  store().AddFile("/a", "abcd");
  const auto file = kernel_.Lookup(1, "a");
  store().Block(fakes::MemoryStore::Kind::kRead, "/a");
  const uint64_t read = kernel_.SendRead(file.out.nodeid, 0, 4096);
  ASSERT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kRead, "/a", 1));
  server_->Stop();
  EXPECT_EQ(kernel_.Wait(read).error, EIO);
  EXPECT_EQ(Of(Operation::kRead).calls, 1U);
  store().Release(fakes::MemoryStore::Kind::kRead, "/a");
}

}  // namespace
}  // namespace copper::fuse

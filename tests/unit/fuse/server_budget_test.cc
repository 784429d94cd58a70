// A server whose inodes are bounded: what the kernel is given unasked, and what it is asked to forget.
#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "served.h"

namespace copper::fuse {
namespace {

using fakes::FakeKernel;

constexpr size_t kBudget = 200'000;  // some 250 nodes

class ServedWithinBudget : public Served {
 protected:
  void SetUp() override {
    kernel_minor_ = 45;  // Linux 6.18, the first that keeps what is in use by itself
    Start({}, kBudget);
    for (int i = 0; i < kFiles; ++i) store().AddFile("/many/file" + std::to_string(i), std::to_string(i));
    many_ = kernel_.Lookup(1, "many").out.nodeid;
  }
  std::vector<FakeKernel::Name> ReadAll() {
    std::vector<FakeKernel::Name> all;
    for (uint64_t offset = 0;; offset = all.back().offset) {
      const auto page = kernel_.Readdirplus(many_, offset);
      EXPECT_EQ(page.error, 0);
      if (page.names.empty()) return all;
      all.insert(all.end(), page.names.begin(), page.names.end());
    }
  }
  // As a kernel that has nothing in use: forgets what it was asked to. How much that was.
  size_t ForgetWhatWasAsked(size_t& seen) {
    const auto notices = kernel_.notices();
    size_t forgotten = 0;
    for (; seen < notices.size(); ++seen) {
      constexpr int kPrune = 9;
      if (notices[seen].code != kPrune) continue;
      uint32_t count = 0;
      std::memcpy(&count, notices[seen].body.data(), sizeof count);
      std::vector<uint64_t> ids(count);
      EXPECT_EQ(notices[seen].body.size(), 16 + count * sizeof(uint64_t));
      std::memcpy(ids.data(), notices[seen].body.data() + 16, count * sizeof(uint64_t));
      for (const uint64_t id : ids) {
        if (known_.erase(id) == 0) continue;
        kernel_.Forget(id, 1);
        ++forgotten;
      }
    }
    return forgotten;
  }

  static constexpr int kFiles = 1000;
  uint64_t many_ = 0;
  std::map<uint64_t, std::string> known_;  // names by node
};

TEST_F(ServedWithinBudget, NamesThatNobodyAskedForArePlainOnceThereIsNoRoom) {
  const auto names = ReadAll();
  ASSERT_EQ(names.size(), kFiles + 2U);
  const auto with_node = std::ranges::count_if(names, [](const auto& name) { return name.out.nodeid != 0; });
  EXPECT_GT(with_node, 100);
  EXPECT_LT(with_node, 400);
  std::set<std::string> distinct;
  for (const auto& name : names) {
    distinct.insert(name.name);
    EXPECT_NE(name.number, 0U);
  }
  EXPECT_EQ(distinct.size(), names.size());
  EXPECT_TRUE(kernel_.notices().empty()) << "what is known stays known";
  // A plain name has the number that a lookup gives it, and its attributes without a question to the source.
  const auto before = store().counts();
  const auto entry = kernel_.Lookup(many_, names.back().name);
  EXPECT_EQ(entry.out.attr.ino, names.back().number);
  EXPECT_EQ(entry.out.attr.size, names.back().name.size() - 4);
  EXPECT_EQ(store().counts(), before);
}

TEST_F(ServedWithinBudget, LookupsBeyondItMakeTheKernelForgetTheOldestFiles) {
  size_t seen = 0, forgotten = 0;
  uint64_t first = 0, last = 0;
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = "file" + std::to_string(i);
    const auto entry = kernel_.Lookup(many_, name);
    ASSERT_EQ(entry.out.attr.size, std::to_string(i).size());
    known_[entry.out.nodeid] = name;
    if (i == 0) first = entry.out.nodeid;
    last = entry.out.nodeid;
    forgotten += ForgetWhatWasAsked(seen);
  }
  kernel_.Call(FUSE_STATFS, 1);
  forgotten += ForgetWhatWasAsked(seen);
  EXPECT_GT(forgotten, kFiles / 2U);
  EXPECT_FALSE(known_.contains(first));
  EXPECT_TRUE(known_.contains(last));
  EXPECT_LT(known_.size(), 400U);
  // What it has forgotten is looked up again, as another node of the same number.
  const auto again = kernel_.Lookup(many_, "file0");
  EXPECT_EQ(again.error, 0);
  EXPECT_EQ(kernel_.Read(again.out.nodeid, 0, 10).body, "0");
}

TEST_F(ServedWithinBudget, WhatIsStillKnownIsServed) {
  const auto first = kernel_.Lookup(many_, "file0");
  for (int i = 1; i < kFiles; ++i) ASSERT_EQ(kernel_.Lookup(many_, "file" + std::to_string(i)).error, 0);
  ASSERT_TRUE(kernel_.WaitForNotices(1));
  // The kernel keeps what is in use, and goes on asking by its node.
  EXPECT_EQ(kernel_.Read(first.out.nodeid, 0, 10).body, "0");
  EXPECT_EQ(kernel_.Lookup(many_, "file0").out.nodeid, first.out.nodeid);
}

}  // namespace
}  // namespace copper::fuse

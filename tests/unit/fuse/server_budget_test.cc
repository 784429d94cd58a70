// A server whose inodes are bounded: what the kernel is given unasked, and what it is asked to forget.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

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

// Kernels that can't tell what is in use.

class InUse final : public FilesInUse {
 public:
  std::optional<Seen> Look() override {
    ++looks_;
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void Set(Seen seen) {
    const std::lock_guard lock(mutex_);
    seen_ = std::move(seen);
  }
  int looks() const { return looks_; }

 private:
  std::atomic<int> looks_{0};
  std::mutex mutex_;
  std::optional<Seen> seen_;
};

class ServedWithinBudgetOfAnOlderKernel : public Served, public testing::WithParamInterface<uint32_t> {
 protected:
  void SetUp() override {
    kernel_minor_ = GetParam();
    in_use_of_mount_ = in_use_;
    Start({}, kBudget);
    for (int i = 0; i < kFiles; ++i) store().AddFile("/many/file" + std::to_string(i), "x");
    many_ = kernel_.Lookup(1, "many").out.nodeid;
    lasting_["many"] = true;
  }
  bool Expires() const { return GetParam() >= 38; }
  // Looks up all of them. What the kernel is told until so many names were dropped, in order: the flag of expiry and
  // the name.
  std::vector<std::pair<bool, std::string>> LookAtAll(ptrdiff_t drops) {
    for (int i = 0; i < kFiles; ++i) {
      const std::string name = "file" + std::to_string(i);
      const auto entry = kernel_.Lookup(many_, name);
      numbers_[name] = entry.out.attr.ino;
      lasting_[name] = entry.out.entry_valid != 0;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto is_there = [&] {
      return in_use_->looks() > 0 && std::ranges::count(Told(), false, &std::pair<bool, std::string>::first) >= drops;
    };
    while (!is_there() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return Told();
  }
  std::vector<std::pair<bool, std::string>> Told() const {
    std::vector<std::pair<bool, std::string>> told;
    for (const auto& notice : kernel_.notices()) {
      EXPECT_EQ(notice.code, FUSE_NOTIFY_INVAL_ENTRY);
      uint32_t flags = 0;
      std::memcpy(&flags, notice.body.data() + 12, sizeof flags);
      told.emplace_back(flags != 0, notice.body.substr(16).c_str());
    }
    return told;
  }

  static constexpr int kFiles = 1000;
  const std::shared_ptr<InUse> in_use_ = std::make_shared<InUse>();
  uint64_t many_ = 0;
  std::map<std::string, uint64_t> numbers_;
  std::map<std::string, bool> lasting_;
};

TEST_P(ServedWithinBudgetOfAnOlderKernel, NamesAreDroppedThatNobodyUses) {
  const uint64_t used = kernel_.Lookup(many_, "file700").out.attr.ino;
  kernel_.Lookup(many_, "file701");
  in_use_->Set({.numbers = {used}, .paths = {"/many/file701", "/many/file702"}});
  std::set<std::string> expired, dropped;
  for (const auto& [expires, name] : LookAtAll(20)) {
    if (!expires) {
      EXPECT_EQ(Expires(), expired.contains(name)) << name << ": first it must be asked for at each use";
      EXPECT_NE(Expires(), !lasting_.at(name));
    }
    (expires ? expired : dropped).insert(name);
  }
  EXPECT_GE(dropped.size(), 20U);
  for (const char* name : {"file700", "file701", "file702"}) EXPECT_FALSE(dropped.contains(name)) << name;
  for (const std::string& name : expired) EXPECT_TRUE(lasting_.at(name));
  EXPECT_TRUE(lasting_.at("file0"));
  EXPECT_EQ(lasting_.at("file999"), Expires());
}

TEST_P(ServedWithinBudgetOfAnOlderKernel, NoneIsWhereNobodyKnows) {
  for (const auto& [expires, name] : LookAtAll(0)) EXPECT_TRUE(expires) << name;
}

INSTANTIATE_TEST_SUITE_P(Kernels, ServedWithinBudgetOfAnOlderKernel, testing::Values(37, 38));

}  // namespace
}  // namespace copper::fuse

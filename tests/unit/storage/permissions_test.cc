#include "storage/permissions.h"  // private to the module

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <cstring>
#include <initializer_list>

#include "temp_tree.h"

namespace copper::storage {
namespace {

const User kUser{1000, 100, {200, 300}};

Attributes Of(uint32_t mode, uint32_t uid = 1, uint32_t gid = 1) {
  Attributes attributes;
  attributes.mode = mode;
  attributes.uid = uid;
  attributes.gid = gid;
  return attributes;
}

// What the kernel's check of modes gives (generic_permission).
unsigned Granted(const Attributes& attributes, const User& user) {
  if (attributes.uid == user.uid) return (attributes.mode >> 6) & 7;
  if (user.IsIn(attributes.gid)) return (attributes.mode >> 3) & 7;
  return attributes.mode & 7;
}

struct FakeAccess final : AccessSource {
  unsigned Allowed(int, unsigned wanted) override {
    ++questions;
    return allowed & wanted;
  }
  bool HasList(int) override {
    ++questions;
    return has_list;
  }
  unsigned allowed = 0;
  bool has_list = false;
  int questions = 0;
};

class PermissionsTest : public testing::Test {
 protected:
  Attributes Adjusted(Attributes attributes, unsigned allowed, bool for_others = false, bool has_list = true,
                      const User& user = kUser) {
    auto access = std::make_unique<FakeAccess>();
    FakeAccess& source = *access;
    source.allowed = allowed;
    source.has_list = has_list;
    Permissions permissions({for_others, [this](const std::string& file) { refused_.push_back(file); }}, user,
                            std::move(access));
    permissions.Adjust(-1, "", attributes);
    questions_ = source.questions;
    return attributes;
  }

  int questions_ = 0;
  std::vector<std::string> refused_;
};

TEST_F(PermissionsTest, OfOrdinaryFilesNothingIsAsked) {
  for (const auto& attributes :
       {Of(S_IFREG | 0644), Of(S_IFREG | 0755), Of(S_IFDIR | 0755), Of(S_IFREG | 0600), Of(S_IFDIR | 0711),
        Of(S_IFLNK | 0777), Of(S_IFREG | 0664), Of(S_IFREG | 0620), Of(S_IFREG | 0640, 1000), Of(S_IFREG | 0040, 1000),
        Of(S_IFREG | 0640, 1, 100), Of(S_IFREG | 0640, 1, 300), Of(S_IFREG | 0004, 1, 300)}) {
    EXPECT_EQ(Adjusted(attributes, 7), attributes) << std::oct << attributes.mode;
    EXPECT_EQ(questions_, 0) << std::oct << attributes.mode;
  }
  EXPECT_EQ(Adjusted(Of(S_IFREG | 0640), 7, false, true, {0, 0, {}}), Of(S_IFREG | 0640));
  EXPECT_EQ(questions_, 0) << "root";
}

TEST_F(PermissionsTest, WhatTheSourceGrantsTheKernelGrants) {
  for (const unsigned type : {S_IFREG, S_IFDIR}) {
    for (unsigned bits = 0; bits < 01000; ++bits) {
      for (const unsigned allowed : {0U, 1U, 4U, 5U}) {
        const Attributes before = Of(type | bits);
        const Attributes shown = Adjusted(before, allowed);
        const unsigned mask = (bits >> 3) & 5;
        // Nothing is granted beyond the mask, and nobody else gets more.
        EXPECT_EQ(Granted(shown, kUser) & 5U, ((bits & 7) | (allowed & mask)) & 5U) << std::oct << bits << allowed;
        EXPECT_EQ(shown.mode & 7, bits & 7);
        EXPECT_EQ(shown.mode & 0700, bits & 0700);
        EXPECT_EQ(shown.uid, before.uid);
        EXPECT_LE(questions_, 1);
      }
    }
  }
}

TEST_F(PermissionsTest, AFileThatRunsAsItsGroupRunsAsNoOther) {
  EXPECT_EQ(Adjusted(Of(S_IFREG | 02750), 5).mode, S_IFREG | 0750U);
  EXPECT_EQ(Adjusted(Of(S_IFDIR | 02750), 5).mode, S_IFDIR | 02750U);
  EXPECT_EQ(Adjusted(Of(S_IFREG | 02750), 0), Of(S_IFREG | 02750));
}

TEST_F(PermissionsTest, AmongOthersAFileWithAListIsTheUsersAlone) {
  const Attributes foreign = Adjusted(Of(S_IFREG | 0654), kMayRead, true);
  EXPECT_EQ(foreign.mode, S_IFREG | 0400U);
  EXPECT_EQ(foreign.uid, kUser.uid);
  EXPECT_EQ(Adjusted(Of(S_IFREG | 0754, 1000), 0, true).mode, S_IFREG | 0700U);
  EXPECT_EQ(refused_.size(), 2U);
  EXPECT_EQ(Adjusted(Of(S_IFREG | 0644), kMayRead, true, /*has_list=*/false), Of(S_IFREG | 0644));
  EXPECT_EQ(Adjusted(Of(S_IFREG | 0640), kMayRead, true, /*has_list=*/false), Of(S_IFREG | 0640));
  EXPECT_EQ(Adjusted(Of(S_IFREG | 0700), kMayRead, true), Of(S_IFREG | 0700));
  EXPECT_EQ(questions_, 0);
  EXPECT_EQ(refused_.size(), 2U);
}

TEST_F(PermissionsTest, ItIsSaidOnce) {
  auto access = std::make_unique<FakeAccess>();
  access->has_list = true;
  std::vector<std::string> refused;
  Permissions permissions({true, [&](const std::string& file) { refused.push_back(file); }}, kUser, std::move(access));
  const TempTree tree;
  tree.Write("/file", "x");
  const UniqueFd directory(open(tree.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 3; ++i) {
    Attributes attributes = Of(S_IFREG | 0644);
    permissions.Adjust(directory.get(), "file", attributes);
    EXPECT_EQ(attributes.mode, S_IFREG | 0U);
  }
  EXPECT_EQ(refused, std::vector{tree.At("/file")});
}

// system.posix_acl_access as the kernel has it: version 2, then tag, permissions, id (acl(5)).
bool SetList(const std::string& path, unsigned user, unsigned permissions) {
  struct Entry {
    uint16_t tag, permissions;
    uint32_t id;
  };
  const Entry entries[] = {{1, 6, UINT32_MAX},
                           {2, static_cast<uint16_t>(permissions), user},
                           {4, 0, UINT32_MAX},
                           {16, 4, UINT32_MAX},
                           {32, 0, UINT32_MAX}};
  char value[4 + sizeof entries] = {2};
  std::memcpy(value + 4, entries, sizeof entries);
  return setxattr(path.c_str(), "system.posix_acl_access", value, sizeof value, 0) == 0;
}

class RealLists : public SourceTest {};

TEST_F(RealLists, AreFoundThroughAnyDescriptor) {
  tree_.Write("/plain", "x");
  tree_.Write("/listed", "x");
  if (!SetList(tree_.At("/listed"), 65534, 4)) GTEST_SKIP() << "no lists on this file system";
  KernelAccess access;
  for (const int flags : {O_PATH | O_CLOEXEC, O_RDONLY | O_CLOEXEC}) {
    const UniqueFd plain(open(tree_.At("/plain").c_str(), flags)), listed(open(tree_.At("/listed").c_str(), flags));
    EXPECT_FALSE(access.HasList(plain.get()));
    EXPECT_TRUE(access.HasList(listed.get()));
    EXPECT_EQ(access.Allowed(listed.get(), kMayRead | kMayExecute), kMayRead);
  }
  EXPECT_FALSE(access.HasList(-1));
  EXPECT_EQ(access.Allowed(-1, kMayRead), 0U);
}

TEST_F(RealLists, OfAStoreForOthersAreThisUsersInListingsAndLooks) {
  tree_.MakeDirectory("/d");
  tree_.Write("/d/listed", "x");
  if (!SetList(tree_.At("/d/listed"), 65534, 4)) GTEST_SKIP() << "no lists on this file system";
  std::vector<std::string> refused;
  auto store =
      PosixStore::Open(tree_.root(), *file_systems_, clock_,
                       {.others = true, .on_refused = [&](const std::string& file) { refused.push_back(file); }});
  ASSERT_TRUE(store);
  const auto looked = (*store)->Look("/d/listed");
  ASSERT_TRUE(looked);
  EXPECT_EQ(looked->mode, S_IFREG | 0600U);
  EXPECT_EQ(store_->Look("/d/listed")->mode, S_IFREG | 0640U);
  const auto listing = (*store)->List("/d", {});
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->Find("listed")->attributes()->mode, S_IFREG | 0600U);
  EXPECT_EQ(refused, std::vector{tree_.At("/d/listed")});
}

}  // namespace
}  // namespace copper::storage

#include <string>

#include "copper/base/chunk_size.h"
#include "gmock/gmock.h"
#include "served.h"

namespace copper::fuse {
namespace {

using ServedData = Served;

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26 + i / 4096 % 3);
  return text;
}

TEST_F(ServedData, ReadsWhatIsThereAndNothingMore) {
  Start();
  const std::string content = Pattern(100'000);
  store().AddFile("/f", content);
  const uint64_t id = kernel_.Lookup(1, "f").out.nodeid;
  EXPECT_EQ(kernel_.Read(id, 0, 4096).body, content.substr(0, 4096));
  EXPECT_EQ(kernel_.Read(id, 98'304, 4096).body, content.substr(98'304));
  EXPECT_EQ(kernel_.Read(id, 200'000, 4096).body, "");
  EXPECT_EQ(kernel_.Read(1, 0, 4096).error, EISDIR);
}

TEST_F(ServedData, ReadsAcrossChunks) {
  Start();
  const std::string content = Pattern(kChunkSize + 50'000);
  store().AddFile("/f", content);
  const uint64_t id = kernel_.Lookup(1, "f").out.nodeid;
  EXPECT_EQ(kernel_.Read(id, kChunkSize - 65'536, 131'072).body, content.substr(kChunkSize - 65'536));
}

TEST_F(ServedData, AnEmptyFileIsEmpty) {
  Start();
  store().AddFile("/empty", "");
  const auto found = kernel_.Lookup(1, "empty");
  EXPECT_EQ(found.out.attr.size, 0U);
  const auto answer = kernel_.Read(found.out.nodeid, 0, 4096);
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.body, "");
}

TEST_F(ServedData, AFileThatCannotBeReadIsAnErrorNotAnEmptyFile) {
  Start();
  store().AddFile("/secret", "secret", 0000);
  const uint64_t id = kernel_.Lookup(1, "secret").out.nodeid;
  EXPECT_EQ(kernel_.Read(id, 0, 4096).error, EACCES);
}

TEST_F(ServedData, ChunksThatComeAheadGoToThePageCache) {
  Start();
  const std::string content =
      "\x7f"
      "ELF" +
      Pattern(3 * kChunkSize);
  store().AddFile("/lib.so", content);
  const uint64_t id = kernel_.Lookup(1, "lib.so").out.nodeid;
  EXPECT_EQ(kernel_.Read(id, 0, 4096).error, 0);
  ASSERT_TRUE(kernel_.WaitForNotices(1));
  const auto notice = kernel_.notices().front();
  ASSERT_EQ(notice.code, FUSE_NOTIFY_STORE);
  fuse_notify_store_out store_out{};
  std::memcpy(&store_out, notice.body.data(), sizeof store_out);
  EXPECT_EQ(store_out.nodeid, id);
  EXPECT_EQ(store_out.offset % kChunkSize, 0U);
  EXPECT_EQ(notice.body.substr(sizeof store_out), content.substr(store_out.offset, store_out.size));
}

TEST_F(ServedData, SeeksHolesAsTheSource) {
  Start();
  store().AddFile("/f", "data");
  const uint64_t id = kernel_.Lookup(1, "f").out.nodeid;
  fuse_lseek_in in{};
  in.whence = SEEK_HOLE;
  const auto hole = kernel_.Call(FUSE_LSEEK, id, {reinterpret_cast<const char*>(&in), sizeof in});
  ASSERT_EQ(hole.error, 0);
  fuse_lseek_out out{};
  std::memcpy(&out, hole.body.data(), sizeof out);
  EXPECT_EQ(out.offset, 4U);
  in.offset = 10;
  EXPECT_EQ(kernel_.Call(FUSE_LSEEK, id, {reinterpret_cast<const char*>(&in), sizeof in}).error, ENXIO);
  in.whence = SEEK_END;
  EXPECT_EQ(kernel_.Call(FUSE_LSEEK, id, {reinterpret_cast<const char*>(&in), sizeof in}).error, EINVAL);
}

TEST_F(ServedData, NothingCanBeChanged) {
  Start();
  store().AddFile("/f", "data");
  const uint64_t id = kernel_.Lookup(1, "f").out.nodeid;
  const std::string names("a\0b\0c\0", 6);
  const auto with = [&](size_t size, const std::string& rest = {}) { return std::string(size, '\0') + rest; };
  EXPECT_EQ(kernel_.Call(FUSE_SETATTR, id, with(sizeof(fuse_setattr_in))).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_MKNOD, 1, with(sizeof(fuse_mknod_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_MKDIR, 1, with(sizeof(fuse_mkdir_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_UNLINK, 1, names).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_RMDIR, 1, names).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_SYMLINK, 1, names).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_RENAME, 1, with(sizeof(fuse_rename_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_RENAME2, 1, with(sizeof(fuse_rename2_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_LINK, 1, with(sizeof(fuse_link_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_WRITE, id, with(sizeof(fuse_write_in), "")).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_CREATE, 1, with(sizeof(fuse_create_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_SETXATTR, id, with(sizeof(fuse_setxattr_in), names)).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_REMOVEXATTR, id, names).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_FALLOCATE, id, with(sizeof(fuse_fallocate_in))).error, EROFS);
  EXPECT_EQ(kernel_.Call(FUSE_COPY_FILE_RANGE, id, with(sizeof(fuse_copy_file_range_in))).error, EROFS);
  fuse_access_in access{.mask = W_OK, .padding = 0};
  EXPECT_EQ(kernel_.Call(FUSE_ACCESS, id, {reinterpret_cast<const char*>(&access), sizeof access}).error, EROFS);
  access.mask = R_OK;
  EXPECT_EQ(kernel_.Call(FUSE_ACCESS, id, {reinterpret_cast<const char*>(&access), sizeof access}).error, 0);
}

}  // namespace
}  // namespace copper::fuse

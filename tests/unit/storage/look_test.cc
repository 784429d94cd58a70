#include <sys/statvfs.h>
#include <sys/wait.h>

#include "copper/names/attributes.h"
#include "unit/storage/same_attributes.h"
#include "unit/storage/temp_tree.h"

namespace copper::storage {
namespace {

void ExpectSame(const Attributes& ours, const std::string& path) {
  struct stat theirs{};
  ASSERT_EQ(lstat(path.c_str(), &theirs), 0) << path;
  storage::ExpectSame(ours, theirs);
}

class LookTest : public SourceTest {};

TEST_F(LookTest, GivesWhatLstatGives) {
  tree_.MakeDirectory("/d/e");
  tree_.Write("/d/file", "hello");
  ASSERT_EQ(symlink("../nowhere", tree_.At("/d/link").c_str()), 0);
  ASSERT_EQ(mkfifo(tree_.At("/d/fifo").c_str(), 0600), 0);
  ASSERT_EQ(link(tree_.At("/d/file").c_str(), tree_.At("/d/twin").c_str()), 0);
  for (const std::string path : {"/", "/d", "/d/e", "/d/file", "/d/link", "/d/fifo", "/d/twin"}) {
    const auto attributes = store_->Look(path);
    ASSERT_TRUE(attributes) << path;
    ExpectSame(*attributes, tree_.At(path));
  }
  EXPECT_EQ(store_->Look("/d/link")->symlink_target, "../nowhere");
  EXPECT_EQ(store_->Look("/d/file")->symlink_target, "");
  EXPECT_EQ(store_->Look("/d/file")->inode, store_->Look("/d/twin")->inode);
  EXPECT_EQ(store_->Look("/d/twin")->nlink, 2U);
}

TEST_F(LookTest, AMovedMtimeIsAnotherVersionAndANewHardLinkIsNot) {
  tree_.Write("/file", "hello");
  const FileVersion version = VersionOf("/file");
  ASSERT_EQ(link(tree_.At("/file").c_str(), tree_.At("/twin").c_str()), 0);
  EXPECT_EQ(VersionOf("/file"), version);
  tree_.Age("/file", 5);
  EXPECT_NE(VersionOf("/file"), version);
}

TEST_F(LookTest, ErrorsAreTheSources) {
  tree_.Write("/file", "");
  EXPECT_EQ(CodeOf(store_->Look("/absent")), ENOENT);
  EXPECT_EQ(CodeOf(store_->Look("/file/below")), ENOTDIR);
  EXPECT_EQ(CodeOf(store_->Look("/" + std::string(256, 'n'))), ENAMETOOLONG);
}

TEST_F(LookTest, NeverLeavesTheTarget) {
  tree_.MakeDirectory("/d");
  EXPECT_EQ(CodeOf(store_->Look("/..")), EINVAL);
  EXPECT_EQ(CodeOf(store_->Look("/d/../../etc")), EINVAL);
  EXPECT_EQ(CodeOf(store_->Look("/..d")), ENOENT);
}

TEST_F(LookTest, FollowsNoSymlinkOnTheWay) {
  tree_.MakeDirectory("/d");
  tree_.Write("/d/file", "hello");
  ASSERT_EQ(symlink("d", tree_.At("/link").c_str()), 0);
  EXPECT_EQ(CodeOf(store_->Look("/link/file")), ELOOP);
  EXPECT_EQ(CodeOf(store_->List("/link", 0)), ENOTDIR);
}

TEST_F(LookTest, NamesAreBytes) {
  const std::string odd = "/\xff\xfe \n\\\x01";
  const std::string longest = "/" + std::string(255, 'x');
  tree_.Write(odd, "odd");
  tree_.Write(longest, "longest");
  EXPECT_EQ(ReadText(odd, VersionOf(odd), 0, 10), "odd");
  EXPECT_EQ(ReadText(longest, VersionOf(longest), 0, 10), "longest");
}

// Made from inside, since no call takes the whole path.
TEST_F(LookTest, PathsMayBeLongerThanOneCallTakes) {
  std::string path;
  int directory = open(tree_.root().c_str(), O_PATH | O_DIRECTORY);
  while (path.size() < 9000) {
    const std::string name(250, static_cast<char>('a' + path.size() % 26));
    path += "/" + name;
    ASSERT_EQ(mkdirat(directory, name.c_str(), 0755), 0);
    const int next = openat(directory, name.c_str(), O_PATH | O_DIRECTORY);
    close(directory);
    directory = next;
  }
  const int file = openat(directory, "file", O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(write(file, "deep", 4), 4);
  close(file);
  close(directory);
  EXPECT_TRUE(store_->Look(path)->IsDirectory());
  EXPECT_EQ(ReadText(path + "/file", VersionOf(path + "/file"), 0, 10), "deep");
  const auto listing = store_->List(path, 0);
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->Find("file"));
}

TEST_F(LookTest, AMountOfCopperIsAnEmptyDirectoryThatNobodyTouches) {
  tree_.MakeDirectory("/mnt/inside");
  tree_.MakeDirectory("/mnt-data");
  OpenStore({.copper_mounts = {tree_.At("/mnt")}});
  const auto mount = store_->Look("/mnt");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->mode, S_IFDIR | 0555U);
  EXPECT_EQ(mount->nlink, 2U);
  EXPECT_EQ(mount->uid, geteuid());
  EXPECT_EQ(store_->List("/mnt", 0)->size(), 0U);
  EXPECT_EQ(CodeOf(store_->Look("/mnt/inside")), ENOENT);
  EXPECT_EQ(CodeOf(store_->List("/mnt/inside", 0)), ENOENT);
  EXPECT_EQ(CodeOf(store_->Read("/mnt/inside", {1, 1, {1, 0}}, 0, 1)), ESTALE);
  EXPECT_EQ(store_->counters().looks + store_->counters().lists + store_->counters().reads, 0U);
  EXPECT_TRUE(store_->Look("/mnt-data"));
}

TEST_F(LookTest, StatfsIsTheSources) {
  struct statvfs theirs{};
  ASSERT_EQ(statvfs(tree_.root().c_str(), &theirs), 0);
  const auto ours = store_->Statfs("/");
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->blocks, theirs.f_blocks);
  EXPECT_EQ(ours->fragment_size, theirs.f_frsize);
  EXPECT_EQ(ours->files, theirs.f_files);
  EXPECT_EQ(ours->name_max, theirs.f_namemax);
}

TEST_F(LookTest, StatfsOfWhatIsGoneIsThatOfItsFileSystem) {
  EXPECT_EQ(store_->Statfs("/gone/file")->blocks, store_->Statfs("/")->blocks);
}

TEST_F(LookTest, WhatLiesOnAnotherDeviceThanItsMountIsOnAnotherFileSystem) {
  tree_.Write("/file", "content");
  struct stat found{};
  ASSERT_EQ(stat(tree_.root().c_str(), &found), 0);
  OpenStore({}, {{.point = tree_.root(), .type = "ext4", .device = found.st_dev}});
  EXPECT_EQ(store_->Look("/file")->file_system, 0U);
  // The target's own device counts, whatever the mount table says of it.
  OpenStore({}, {{.point = tree_.root(), .type = "btrfs", .device = found.st_dev + 1}});
  EXPECT_EQ(store_->Look("/file")->file_system, 0U);
  tree_.MakeDirectory("/sub");
  OpenStore({}, {{.point = tree_.root(), .type = "ext4", .device = found.st_dev},
                 {.point = tree_.At("/sub"), .type = "ext4", .device = found.st_dev + 1}});
  const uint64_t elsewhere = file_systems_->NumberingOf("/sub").file_system;
  EXPECT_NE(store_->Look("/sub")->file_system, elsewhere) << "a file system that was mounted since";
  EXPECT_LE(store_->Look("/sub")->file_system, kOwnFileSystem);
}

// Where a file system makes inode numbers up, a file is known by its path.
class Renumbering : public SourceTest {
 protected:
  void SetUp() override { OpenStore({}, {{.point = tree_.root(), .type = "fuse.sshfs", .source = "host:"}}); }
};

TEST_F(Renumbering, AnotherInodeIsTheSameVersion) {
  tree_.Write("/file", "content");
  tree_.Age("/file", 100);
  const Attributes before = *store_->Look("/file");
  EXPECT_NE(before.file_system & kInodesOfPaths, 0U);
  std::filesystem::copy_file(tree_.At("/file"), tree_.At("/copy"));
  std::filesystem::last_write_time(tree_.At("/copy"), std::filesystem::last_write_time(tree_.At("/file")));
  struct stat old{}, now{};
  ASSERT_EQ(stat(tree_.At("/file").c_str(), &old), 0);
  std::filesystem::rename(tree_.At("/copy"), tree_.At("/file"));
  ASSERT_EQ(stat(tree_.At("/file").c_str(), &now), 0);
  ASSERT_NE(old.st_ino, now.st_ino);
  EXPECT_EQ(VersionOf("/file"), before.version());
  EXPECT_EQ(ReadText("/file", before.version(), 0, 7), "content");
  tree_.Age("/file", 50);
  EXPECT_EQ(ReadText("/file", before.version(), 0, 7), "errno " + std::to_string(ESTALE)) << "times still count";
}

TEST_F(Renumbering, ListingsSayTheSame) {
  tree_.Write("/d-file", "content");
  const Listing listing = *store_->List("/", 0);
  EXPECT_EQ(listing.directory().version(), VersionOf("/"));
  EXPECT_EQ(listing.Find("d-file")->inode, store_->Look("/d-file")->inode);
  EXPECT_EQ(listing.Find("d-file")->attributes()->version(), VersionOf("/d-file"));
}

// A rank may see the same file system under another type: the root that answered has fixed what is in the version.
TEST_F(Renumbering, WhatTheRootHasFixedHolds) {
  tree_.Write("/file", "content");
  tree_.Age("/file", 100);
  const FileVersion of_path = VersionOf("/file");
  OpenStore({}, {{.point = tree_.root(), .type = "nfs", .source = "host:"}});
  const FileVersion of_inode = VersionOf("/file");
  EXPECT_NE(of_path, of_inode);
  EXPECT_EQ(ReadText("/file", of_path, 0, 7), "content");
  FileVersion other = of_inode;
  ++other.inode;
  EXPECT_EQ(ReadText("/file", other, 0, 7), "errno " + std::to_string(ESTALE));
  SetUp();
  EXPECT_EQ(ReadText("/file", of_inode, 0, 7), "content");
}

TEST_F(LookTest, TheTargetMustBeADirectoryThatIsThere) {
  tree_.Write("/file", "");
  EXPECT_EQ(CodeOf(PosixStore::Open(tree_.At("/file"), *file_systems_, clock_)), ENOTDIR);
  const auto absent = PosixStore::Open(tree_.At("/absent"), *file_systems_, clock_);
  EXPECT_EQ(CodeOf(absent), ENOENT);
  EXPECT_NE(absent.error().message.find(tree_.At("/absent")), std::string::npos);
}

// Runs a check as a user whom permissions bind: in a child that gives root up, or here where nobody is root.
int AsOrdinaryUser(const std::function<bool()>& check) {
  if (geteuid() != 0) return check() ? 0 : 1;
  const pid_t child = fork();
  if (child == 0) _exit(setgid(65534) == 0 && setuid(65534) == 0 && check() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(LookTest, WhatMayNotBeReadSaysSo) {
  tree_.Write("/secret", "bytes");
  tree_.MakeDirectory("/closed/below");
  tree_.MakeDirectory("/unlisted/below");
  const FileVersion version = VersionOf("/secret");
  chmod(tree_.At("/secret").c_str(), 0);
  chmod(tree_.At("/closed").c_str(), 0);
  chmod(tree_.At("/unlisted").c_str(), 0711 & ~(geteuid() == 0 ? 0U : 0400U));
  EXPECT_EQ(0, AsOrdinaryUser([&] {
              return CodeOf(store_->Read("/secret", version, 0, 5)) == EACCES &&
                     CodeOf(store_->Look("/closed/below")) == EACCES && CodeOf(store_->List("/closed", 0)) == EACCES &&
                     CodeOf(store_->List("/unlisted", 0)) == EACCES && CodeOf(store_->Look("/unlisted/below")) == 0 &&
                     CodeOf(PosixStore::Open(tree_.At("/closed"), *file_systems_, clock_)) == EACCES;
            }));
  for (const std::string path : {"/secret", "/closed", "/unlisted"}) chmod(tree_.At(path).c_str(), 0755);
}

}  // namespace
}  // namespace copper::storage

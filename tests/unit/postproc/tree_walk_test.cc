#include "tree_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fakes/temporary_directory.h"

namespace copper::postproc {
namespace {

using fakes::TemporaryDirectory;

namespace fs = std::filesystem;

void MakeFile(const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << "x";
}

std::vector<std::string> PathsOf(const WalkedTree& tree) {
  std::vector<std::string> paths;
  for (TreeCursor at(tree); at.valid(); at.Advance())
    paths.push_back(std::string(at.path()) + (at.is_directory() ? " d" : ""));
  return paths;
}

// What another walker finds.
std::vector<std::string> Expected(const std::vector<std::string>& roots) {
  std::vector<std::pair<std::string, bool>> paths;
  for (const std::string& root : roots) {
    paths.emplace_back(root, true);
    for (const auto& entry : fs::recursive_directory_iterator(root))
      paths.emplace_back(entry.path().native(), entry.is_directory() && !entry.is_symlink());
  }
  std::ranges::sort(paths);
  std::vector<std::string> lines;
  for (const auto& [path, directory] : paths) lines.push_back(path + (directory ? " d" : ""));
  return lines;
}

TEST(TreeWalk, FindsEverythingInTheOrderOfBytes) {
  const TemporaryDirectory directory;
  for (const char* name : {"r/a/x", "r/a-b", "r/a.txt", "r/a!/y", "r/a/x-/z", "r/a/x0", "r/\xff\n/q", "r/b/c/d/e/f"})
    MakeFile(directory.At(name));
  fs::create_directories(directory.At("r/empty"));
  const WalkedTree tree = Walk({directory.At("r")}, {});
  EXPECT_EQ(PathsOf(tree), Expected({directory.At("r")}));
  EXPECT_EQ(tree.files, 8U);
  EXPECT_EQ(tree.directories, 10U);
}

TEST(TreeWalk, FindsWhatAnotherWalkerFindsInHundredsOfDirectories) {
  const TemporaryDirectory directory;
  for (int i = 0; i < 600; ++i)
    MakeFile(directory.At("r/" + std::to_string(i % 10) + "/" + std::to_string(i % 100) + "/" +
                          std::to_string(i % 300) + "/" + std::to_string(i)));
  WalkOptions options;
  options.threads = 8;
  EXPECT_EQ(PathsOf(Walk({directory.At("r")}, options)), Expected({directory.At("r")}));
}

TEST(TreeWalk, MixesRootsInOneOrder) {
  const TemporaryDirectory directory;
  for (const char* name : {"a/x", "a-b/y", "other/z", "deep/er/root/q"}) MakeFile(directory.At(name));
  const std::vector<std::string> roots = {directory.At("a-b"), directory.At("a"), directory.At("deep/er/root")};
  EXPECT_EQ(PathsOf(Walk(roots, {})), Expected(roots));
}

TEST(TreeWalk, DoesNotFollowLinks) {
  const TemporaryDirectory directory;
  MakeFile(directory.At("r/a/x"));
  fs::create_directory_symlink(directory.At("r"), directory.At("r/a/loop"));
  fs::create_directory_symlink("/", directory.At("r/all"));
  EXPECT_EQ(PathsOf(Walk({directory.At("r")}, {})), Expected({directory.At("r")}));
}

TEST(TreeWalk, DoesNotEnterWhatIsClosed) {
  const TemporaryDirectory directory;
  MakeFile(directory.At("r/mount/secret"));
  MakeFile(directory.At("r/x"));
  WalkOptions options;
  options.closed = {directory.At("r/mount")};
  EXPECT_THAT(PathsOf(Walk({directory.At("r")}, options)),
              testing::ElementsAre(directory.At("r d"), directory.At("r/mount d"), directory.At("r/x")));
}

TEST(TreeWalk, SaysWhatItCouldNotRead) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.At("r"));
  const WalkedTree tree = Walk({directory.At("gone"), directory.At("r")}, {});
  ASSERT_EQ(tree.unreadable.size(), 1U);
  EXPECT_EQ(tree.unreadable[0].path, directory.At("gone"));
  EXPECT_THAT(tree.unreadable[0].reason, testing::HasSubstr("No such file"));
}

TEST(TreeWalk, TellsHowFarItHasCome) {
  const TemporaryDirectory directory;
  for (const char* name : {"r/a/x", "r/b/y"}) MakeFile(directory.At(name));
  WalkProgress last;
  WalkOptions options;
  options.on_progress = [&](const WalkProgress& progress) { last = progress; };
  (void)Walk({directory.At("r")}, options);
  EXPECT_EQ(last.entries, 4U);
  EXPECT_EQ(last.directories_read, 3U);
  EXPECT_EQ(last.directories_found, 3U);
}

TEST(TreeWalk, OfNoRootsIsEmpty) {
  EXPECT_TRUE(PathsOf(WalkedTree()).empty());
}

}  // namespace
}  // namespace copper::postproc

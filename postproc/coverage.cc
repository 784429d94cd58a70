#include "coverage.h"

#include <sys/stat.h>

#include <functional>
#include <unordered_set>

#include "ancestors.h"
#include "closed_mounts.h"
#include "copper/base/path.h"
#include "progress_bar.h"
#include "usage_roots.h"

namespace copper::postproc {
namespace {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// A path of the profile that the walk has not come by.
ComparedPath LookByName(const std::string& path, bool absent_in_job) {
  struct stat found{};
  const bool there = lstat(path.c_str(), &found) == 0;
  return {path, there, there && S_ISDIR(found.st_mode), true, absent_in_job};
}

using Directories = std::unordered_set<std::string, StringHash, std::equal_to<>>;

// A job that asked for something went through the directories above it, whether they were asked for by name (the top
// of a mount is not) or not.
Directories OnTheWay(const profile::Profile& profile) {
  Directories directories;
  std::string previous;
  profile.paths.ForEach([&](std::string_view path, const profile::PathUse&) {
    if (directories.empty()) directories.insert(AtSource(profile, "/"));
    ForEachNewAncestor(previous, path, [&](std::string_view above) { directories.insert(AtSource(profile, above)); });
    previous = path;
  });
  return directories;
}

ComparedPath Unasked(const TreeCursor& tree, const Directories& on_the_way) {
  return {tree.path(), true, tree.is_directory(), tree.is_directory() && on_the_way.contains(tree.path()), false};
}

}  // namespace

void Compare(const profile::Profile& profile, const WalkedTree& tree, const std::vector<std::string>& roots,
             const std::function<void(const ComparedPath&)>& see) {
  const Directories on_the_way = OnTheWay(profile);
  TreeCursor there(tree);
  profile.paths.ForEach([&](std::string_view relative, const profile::PathUse& use) {
    const std::string path = AtSource(profile, relative);
    if (!IsBelowAny(path, roots)) return;
    for (; there.valid() && there.path() < path; there.Advance()) see(Unasked(there, on_the_way));
    const bool absent = use.kind == profile::PathKind::kAbsent;
    if (!there.valid() || there.path() != path) return see(LookByName(path, absent));
    see({path, true, there.is_directory(), true, absent});
    there.Advance();
  });
  for (; there.valid(); there.Advance()) see(Unasked(there, on_the_way));
}

std::vector<Coverage> CountCoverage(const profile::Profile& profile, const std::vector<std::string>& roots) {
  const std::vector<std::string> minimal = MinimalRoots(roots);
  const WalkedTree tree = WalkWithProgress(minimal);
  std::vector<Coverage> coverages;
  for (const std::string& root : roots) coverages.push_back({root, {}, {}, 0, ""});
  Compare(profile, tree, minimal, [&](const ComparedPath& path) {
    for (Coverage& coverage : coverages) {
      if (!IsAtOrBelow(path.path, coverage.root)) continue;
      if (path.there) coverage.all.Add(path.directory);
      if (path.there && path.observed) coverage.used.Add(path.directory);
      if (!path.there) ++coverage.missing;
      if (path.there && path.observed && coverage.example.empty()) coverage.example = path.path;
    }
  });
  return coverages;
}

WalkedTree WalkWithProgress(const std::vector<std::string>& minimal_roots) {
  if (minimal_roots.empty()) return {};
  ProgressBar bar("looking through " + std::to_string(minimal_roots.size()) +
                  (minimal_roots.size() == 1 ? " root" : " roots"));
  WalkOptions options;
  options.closed = ClosedMounts();
  options.on_progress = [&bar](const WalkProgress& progress) {
    bar.Show(progress.directories_read, progress.directories_found, std::to_string(progress.entries) + " entries");
  };
  return Walk(minimal_roots, options);
}

}  // namespace copper::postproc

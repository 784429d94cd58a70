#include "coverage.h"

#include <sys/stat.h>

#include "copper/base/file.h"
#include "progress_bar.h"
#include "usage_roots.h"

namespace copper::postproc {
namespace {

// A path of the profile that the walk has not come by.
ComparedPath LookByName(const std::string& path, bool absent_in_job) {
  struct stat found{};
  const bool there = lstat(path.c_str(), &found) == 0;
  return {path, there, there && S_ISDIR(found.st_mode), true, absent_in_job};
}

ComparedPath Current(const TreeCursor& tree) {
  return {tree.path(), true, tree.is_directory(), false, false};
}

}  // namespace

void Compare(const profile::Profile& profile, const WalkedTree& tree, const std::vector<std::string>& roots,
             const std::function<void(const ComparedPath&)>& see) {
  TreeCursor there(tree);
  profile.paths.ForEach([&](std::string_view relative, const profile::PathUse& use) {
    const std::string path = AtSource(profile, relative);
    if (!IsBelowAny(path, roots)) return;
    for (; there.valid() && there.path() < path; there.Advance()) see(Current(there));
    const bool absent = use.kind == profile::PathKind::kAbsent;
    if (!there.valid() || there.path() != path) return see(LookByName(path, absent));
    see({path, true, there.is_directory(), true, absent});
    there.Advance();
  });
  for (; there.valid(); there.Advance()) see(Current(there));
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

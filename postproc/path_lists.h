// The lists of `copper path-usage` and what is counted of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"
#include "coverage.h"
#include "output_files.h"
#include "read_profile.h"

namespace copper::postproc {

enum class PathList : uint8_t { kAll, kUsed, kNotObserved, kMissing, kCount };
inline constexpr size_t kPathLists = static_cast<size_t>(PathList::kCount);
std::string_view FileName(PathList list);  // "all_possible_existing_paths.txt", ...

struct PathReport {
  std::string job_directory;
  std::vector<std::string> profiles;  // the files that the paths were read from
  std::string output_directory;
  std::vector<std::string> roots;
  std::array<PathCounts, kPathLists> counts;  // of kMissing: files alone, since nothing is known of them
  uint64_t appeared = 0;                      // used paths that were absent when the job asked for them
  uint64_t gone = 0;                          // missing ones that were there when it did
  std::vector<Unreadable> unreadable;

  const PathCounts& of(PathList list) const { return counts[static_cast<size_t>(list)]; }
};

// Writes the four lists, one escaped path a line, and fills in the counts.
Status WritePathLists(const profile::Profile& profile, const WalkedTree& tree, PathReport& report, OutputFiles& files);

std::string PathsSummary(const PathReport& report);    // paths_summary.md
std::string RootsAndCounts(const PathReport& report);  // roots_and_counts.txt

}  // namespace copper::postproc

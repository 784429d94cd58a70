// How much of some directories a job has used: the paths of its profile against what is there now.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "copper/profile/profile.h"
#include "tree_walk.h"

namespace copper::postproc {

// A path that is there now, was used, or both.
struct ComparedPath {
  std::string_view path;  // at the source
  bool there = false;     // now, on this machine
  bool directory = false;
  bool observed = false;       // the job asked for it
  bool absent_in_job = false;  // and was told that there is no such thing
};

// Calls `see` for each path at or below the roots that is in the tree or in the profile, in the order of bytes. What
// the walk could not see, since a directory was unreadable or not entered, is looked for by name.
void Compare(const profile::Profile& profile, const WalkedTree& tree, const std::vector<std::string>& roots,
             const std::function<void(const ComparedPath&)>& see);

struct PathCounts {
  uint64_t files = 0;  // all that is no directory, links too
  uint64_t directories = 0;
  uint64_t total() const { return files + directories; }
  void Add(bool directory) { ++(directory ? directories : files); }
};

struct Coverage {
  std::string root;
  PathCounts all;        // there now, the root itself too
  PathCounts used;       // of these, what the job asked for
  uint64_t missing = 0;  // asked for, and not there now
  std::string example;   // the first path that was used
};

// Of each root, which may be below others.
std::vector<Coverage> CountCoverage(const profile::Profile& profile, const std::vector<std::string>& roots);

// Walks with a progress bar, where stderr is a terminal.
WalkedTree WalkWithProgress(const std::vector<std::string>& minimal_roots);

}  // namespace copper::postproc

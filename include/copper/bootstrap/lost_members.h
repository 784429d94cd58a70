// What is said of ranks that are lost: who they were, and which mounts they leave when the job has ended. Such a mount
// is a trap for whoever uses that path next, so the end names it.
//
// A rank that did not come to the end may be dead (then its mounter has unmounted, unless that was killed, too) or
// frozen. On this host the mount table shows what is there. On others the mounter's own word counts
// (JobDirectory::unmounted_file); where there is none nobody knows: the node may be gone, and its mount with it.
#pragma once

#include <set>
#include <span>
#include <string>

#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/bootstrap/members.h"
#include "copper/jobdir/job_directory.h"

namespace copper::bootstrap {

// ", without rank 2 (host, process 5)", of a few by name and of the others how many they are; empty for none.
std::string NameLost(const std::set<Rank>& lost, std::span<const Member> members);

struct LeftMounts {
  std::set<Rank> dead;     // there, and nobody answers for it
  std::set<Rank> frozen;   // there, as is the process that should answer for it
  std::set<Rank> unknown;  // perhaps there
};

// Of ranks that are `lost`. `here`: this rank. Blocks on the job directory, and waits for that long at most where a
// mounter may still be at it.
LeftMounts LookForMounts(const std::set<Rank>& lost, std::span<const Member> members, const Member& here,
                         const JobDirectory& job, const Clock& clock, Duration patience);

// What to say of them behind the reason of the end, and what to do; empty where there is nothing.
std::string Describe(const LeftMounts& left, std::span<const Member> members);

}  // namespace copper::bootstrap

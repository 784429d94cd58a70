// Reads one open directory: names, and attributes as long as they are cheap.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/file_time.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "copper/names/listing.h"
#include "copper/storage/backing_store.h"
#include "copper/storage/file_systems.h"
#include "look_cost.h"
#include "permissions.h"

namespace copper::storage {

struct DirectoryOptions {
  std::string path;  // of the directory
  Numbering numbering;
  ListLimit limit;
  bool may_answer_absence = true;         // false where names appear by being asked for
  bool attributes = true;                 // false where they are not worth keeping
  std::vector<std::string> mount_points;  // names that belong to other file systems: never looked at
};

// What is used of the store's.
struct DirectoryTools {
  LookCost& look_cost;
  Permissions& permissions;
  const Clock& clock;
  const LookTimer::BusyTime& busy_time;
  const std::function<FileTime()>& now;
};

Result<Listing> ReadDirectory(UniqueFd directory, const DirectoryOptions& options, const DirectoryTools& tools);

}  // namespace copper::storage

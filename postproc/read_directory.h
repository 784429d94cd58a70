// Reads the names of one directory into a WalkedDirectory.
#pragma once

#include <cstdint>
#include <string>

#include "copper/base/result.h"
#include "tree_walk.h"

namespace copper::postproc {

Status ReadDirectory(const std::string& path, WalkedDirectory& into);

// For what is put there by hand, before Sort.
void AddName(WalkedDirectory& into, std::string_view name, bool directory, bool visible);
// Gives each directory its second entry, and all of them their order.
void SortNames(WalkedDirectory& directory);

}  // namespace copper::postproc

// The directories whose use is looked into: given ones, environments that the job used, folders of the user's home.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::postproc {

// Paths of a profile are relative to the target of the job's mounts; here they are absolute, at the source.
std::string AtSource(const profile::Profile& profile, std::string_view path);

// A root that was given: without links. Fails where it is missing, no directory, unreadable, or in a mount of Copper.
Result<std::vector<std::string>> GivenRoots(const std::vector<std::string>& given);

// Environments of conda (they have conda-meta/) and of venv (pyvenv.cfg) above the paths that the job used, as far as
// they are there now.
std::vector<std::string> EnvironmentRoots(const profile::Profile& profile);

// Folders right below the user's home ($HOME) in which the job used something, as far as they are there now.
std::vector<std::string> HomeRoots(const profile::Profile& profile);

// Sorted, without those that are below another.
std::vector<std::string> MinimalRoots(std::vector<std::string> roots);

// Whether `path` is one of the minimal roots, or below one.
bool IsBelowAny(std::string_view path, const std::vector<std::string>& roots);

}  // namespace copper::postproc

// Profiles without a job: a fixed one, of which tests/data/small_profile.h5 is the file, and random ones.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "copper/profile/profile.h"

namespace copper {

// Of 4 ranks, one of which is missing. Some paths are of each class that the tools tell apart; some would break a line,
// a row of CSV or of Markdown, or are not UTF-8.
profile::Profile SampleProfile();

// The paths of SampleProfile() that break things.
std::vector<std::string> NastyPaths();

// The same for the same seed. Values of all sizes, texts of any bytes but 0.
profile::Profile RandomProfile(uint64_t seed);

using PathRows = std::vector<std::pair<std::string, profile::PathUse>>;
PathRows RowsOf(const profile::PathRun& paths);

// In all that a file keeps.
bool Same(const profile::Profile& a, const profile::Profile& b);

}  // namespace copper

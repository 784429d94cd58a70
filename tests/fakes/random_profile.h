// Profiles with anything in them, and what two profiles have in common when they say the same.
#pragma once

#include <map>
#include <string>

#include "copper/profile/profile.h"

namespace copper::fakes {

struct RandomProfileOptions {
  Rank rank = 0;
  uint32_t ranks = 8;
  size_t paths = 100;
  uint32_t top_n = 5;
};
// The same for the same seed.
profile::Profile RandomProfile(uint64_t seed, const RandomProfileOptions& options);

// Everything in a profile, with its paths as a table; to be compared, and printed where they differ.
struct Tables {
  profile::Profile head;  // without paths
  std::map<std::string, profile::PathUse> paths;
  bool operator==(const Tables& other) const;
};
Tables TablesOf(const profile::Profile& profile);
void PrintTo(const Tables& tables, std::ostream* out);

}  // namespace copper::fakes

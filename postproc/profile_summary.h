// The summary of a job's profile, in Markdown.
#pragma once

#include <string>
#include <vector>

#include "coverage.h"
#include "read_profile.h"

namespace copper::postproc {

// `coverage`: of the usage roots and of the environments; empty where paths were not recorded.
std::string ProfileSummary(const JobProfile& job, const std::vector<Coverage>& coverage);

// The paths with the most events, with `--profile-top-n`: a line of CSV each.
std::string TopPathsCsv(const profile::Profile& profile);

// The sections of the summary.
std::string SummaryOfRanks(const profile::Profile& profile);
std::string SummaryOfTopPaths(const profile::Profile& profile);
std::string SummaryOfClasses(const profile::Profile& profile);
std::string SummaryOfCoverage(const profile::Profile& profile, const std::vector<Coverage>& coverage);

}  // namespace copper::postproc

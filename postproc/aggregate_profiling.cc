// copper aggregate-profiling: totals, operations and path classes of a whole job, as CSV and Markdown.

#include <algorithm>
#include <cstdio>

#include "analyses.h"
#include "coverage.h"
#include "output_files.h"
#include "profile_summary.h"
#include "profile_totals.h"
#include "read_profile.h"
#include "refuse.h"
#include "text.h"
#include "usage_roots.h"

namespace copper::postproc {
namespace {

// The usage roots first, then the environments that are none of them.
std::vector<std::string> CoverageRoots(const profile::Profile& profile, std::vector<std::string> roots) {
  for (std::string& environment : EnvironmentRoots(profile)) {
    if (std::ranges::find(roots, environment) == roots.end()) roots.push_back(std::move(environment));
  }
  return roots;
}

Status WriteAll(const JobProfile& job, const std::string& prefix, const std::vector<Coverage>& coverage,
                OutputFiles& files) {
  const profile::Profile& profile = job.profile;
  std::vector<std::pair<std::string, std::string>> contents = {{"aggregate.csv", TotalsCsv(Totals(profile), job.files)},
                                                               {"operations.csv", OperationsCsv(profile)},
                                                               {"summary.md", ProfileSummary(job, coverage)}};
  if (profile.top_n > 0) contents.emplace_back("top_paths.csv", TopPathsCsv(profile));
  for (const auto& [name, content] : contents) {
    if (Status added = files.Add(prefix + "-profiling_" + name, content); !added) return added;
  }
  return files.Commit();
}

}  // namespace

int AggregateProfiling(const std::string& job_directory, const std::string& prefix,
                       const std::vector<std::string>& usage_roots) {
  if (prefix.empty() || prefix.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
    return Refuse("PREFIX is the begin of file names: it must not be empty, and have no slash in it");
  const Result<JobProfile> job = ReadJobProfile(job_directory);
  if (!job) return Refuse(job.error().Describe());
  Result<std::vector<std::string>> roots = GivenRoots(usage_roots);
  if (!roots) return Refuse(roots.error().Describe());
  const auto files = OutputFiles::In(job->job_directory + "/profiling/cluster");
  if (!files) return Refuse(files.error().Describe());
  std::vector<Coverage> coverage;
  if (job->profile.paths_full) coverage = CountCoverage(job->profile, CoverageRoots(job->profile, std::move(*roots)));
  if (const Status written = WriteAll(*job, prefix, coverage, **files); !written)
    return Refuse(written.error().Describe());
  for (const std::string& name : (*files)->Names()) std::printf("wrote %s\n", Escape(name).c_str());
  return 0;
}

}  // namespace copper::postproc

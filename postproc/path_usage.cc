// copper path-usage: what of an environment the job used, what it looked for in vain, what it never touched.

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "analyses.h"
#include "coverage.h"
#include "output_files.h"
#include "path_lists.h"
#include "read_profile.h"
#include "refuse.h"
#include "text.h"
#include "usage_roots.h"

namespace copper::postproc {
namespace {

std::vector<std::string> AllRoots(const profile::Profile& profile, std::vector<std::string> roots, bool skip_home) {
  std::ranges::move(EnvironmentRoots(profile), std::back_inserter(roots));
  if (!skip_home) std::ranges::move(HomeRoots(profile), std::back_inserter(roots));
  return MinimalRoots(std::move(roots));
}

Status WriteAll(const profile::Profile& profile, PathReport& report, OutputFiles& files) {
  const WalkedTree tree = WalkWithProgress(report.roots);
  if (Status written = WritePathLists(profile, tree, report, files); !written) return written;
  if (Status added = files.Add("roots_and_counts.txt", RootsAndCounts(report)); !added) return added;
  if (Status added = files.Add("paths_summary.md", PathsSummary(report)); !added) return added;
  return files.Commit();
}

}  // namespace

int PathUsage(const std::string& job_directory, const std::vector<std::string>& usage_roots,
              const std::string& output_directory, bool skip_home) {
  Result<JobProfile> job = ReadJobProfile(job_directory);
  if (!job) return Refuse(job.error().Describe());
  if (!job->profile.paths_full)
    return Refuse(job->files.front() + " has no paths: the job has to be launched with --profile-paths-full");
  Result<std::vector<std::string>> given = GivenRoots(usage_roots);
  if (!given) return Refuse(given.error().Describe());
  const std::string folder =
      output_directory.empty() ? job->job_directory + "/paths_dir" : AbsolutePath(output_directory);
  const auto files = OutputFiles::In(folder);
  if (!files) return Refuse(files.error().Describe());
  PathReport report{
      job->job_directory, job->files, folder, AllRoots(job->profile, std::move(*given), skip_home), {}, 0, 0, {}};
  if (const Status written = WriteAll(job->profile, report, **files); !written)
    return Refuse(written.error().Describe());
  if (report.roots.empty())
    std::fprintf(stderr,
                 "copper: no roots: the job used no environment of conda or venv; give some with --usage-root\n");
  for (const std::string& name : (*files)->Names()) std::printf("wrote %s\n", Escape(name).c_str());
  return 0;
}

}  // namespace copper::postproc

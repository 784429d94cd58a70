#include "read_profile.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "copper/profile/profile_file.h"

namespace copper::postproc {
namespace {

constexpr std::string_view kProfileFile = "copper_profile.h5";
// In order: a longer name before the one that it ends with.
constexpr std::string_view kParts[] = {"/profiling/final/copper_profile.h5",
                                       "/profiling/final",
                                       "/profiling/cluster",
                                       "/profiling",
                                       "/tables/final",
                                       "/tables",
                                       "/logs",
                                       "/control",
                                       "/paths_dir"};

bool IsDirectory(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool IsThere(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

// rank-<r>.h5
std::optional<Rank> RankOfFile(std::string_view name) {
  constexpr std::string_view kBegin = "rank-";
  constexpr std::string_view kEnd = ".h5";
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd) || name.size() <= kBegin.size() + kEnd.size())
    return std::nullopt;
  const std::string_view digits = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  Rank rank = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(rank) : std::nullopt;
}

std::vector<std::string> RankFiles(const std::string& folder) {
  std::vector<std::pair<Rank, std::string>> found;
  std::error_code failed;
  for (std::filesystem::directory_iterator file(folder, failed), end; !failed && file != end; file.increment(failed)) {
    if (const std::optional<Rank> rank = RankOfFile(file->path().filename().native()))
      found.emplace_back(*rank, file->path().native());
  }
  std::ranges::sort(found);
  std::vector<std::string> files;
  for (auto& [rank, file] : found) files.push_back(std::move(file));
  return files;
}

bool Overlap(const profile::Profile& one, const profile::Profile& other) {
  return std::ranges::any_of(other.ranks, [&](const profile::RankUse& row) {
    return std::ranges::binary_search(one.ranks, row.rank, {}, &profile::RankUse::rank);
  });
}

// The files of single ranks complete what the job's own file has, or are all there is. A rank that is in there already
// is passed over: its file is left from an earlier reduction.
Status AddRankFiles(JobProfile& job, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    Result<profile::Profile> one = profile::ReadProfile(file);
    if (!one) return std::unexpected(one.error());
    if (job.files.empty()) {
      job.profile = std::move(*one);
    } else if (!Overlap(job.profile, *one)) {
      Merge(job.profile, std::move(*one));
    } else {
      continue;
    }
    job.files.push_back(file);
  }
  return {};
}

std::unexpected<Error> NoProfile(const std::string& root) {
  return Fail(ENOENT, "failed to find profiling HDF5 file under: " + root +
                          "/profiling/final\n"
                          "  the usual causes:\n"
                          "  - the job was not launched with profiling (--profile-metrics, --profile-top-n, "
                          "--profile-paths-full)\n"
                          "  - this is the wrong directory: give the job directory (--log-output-dir of cu_fuse)\n"
                          "  - Copper has not been stopped yet: the file is written when the job ends (copper stop)\n"
                          "  - the run failed before the file was written: look into logs/");
}

// The target as it is called now, so that paths compare with those of roots.
void ResolveTarget(profile::Profile& profile) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(profile.target, failed);
  if (!failed) profile.target = real.native();
}

Status ReadFiles(JobProfile& job, const std::string& whole, const std::vector<std::string>& rank_files) {
  if (IsThere(whole)) {
    Result<profile::Profile> read = profile::ReadProfile(whole);
    if (!read) return std::unexpected(read.error());
    job.profile = std::move(*read);
    job.files.push_back(whole);
    if (job.profile.Missing().empty()) return {};
  }
  return AddRankFiles(job, rank_files);
}

}  // namespace

std::string AbsolutePath(const std::string& path) {
  std::error_code failed;
  std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  std::string clean = (failed ? std::filesystem::path(path) : absolute).lexically_normal().native();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean;
}

std::string RootOfPart(const std::string& path) {
  for (const std::string_view part : kParts) {
    if (path.size() > part.size() && path.ends_with(part)) return path.substr(0, path.size() - part.size());
  }
  return "";
}

Result<JobProfile> ReadJobProfile(const std::string& job_directory) {
  JobProfile job;
  job.job_directory = AbsolutePath(job_directory);
  const std::string folder = job.job_directory + "/profiling/final";
  const std::string whole = folder + "/" + std::string(kProfileFile);
  const std::vector<std::string> rank_files = RankFiles(folder);
  if (!IsThere(whole) && rank_files.empty()) {
    const std::string root = RootOfPart(job.job_directory);
    if (root.empty() || IsDirectory(folder)) return NoProfile(job.job_directory);
    return Fail(EINVAL, job.job_directory + " is a part of a job directory: give the job directory itself, " + root);
  }
  if (const Status read = ReadFiles(job, whole, rank_files); !read) return std::unexpected(read.error());
  ResolveTarget(job.profile);
  return job;
}

}  // namespace copper::postproc

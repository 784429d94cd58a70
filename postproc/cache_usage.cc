// copper cache-usage: how full the tables of all ranks are: now, at the end of a job, or in earlier outputs.

#include <unistd.h>

#include <cstdio>

#include "analyses.h"
#include "cache_tables.h"
#include "copper/jobdir/place.h"
#include "output_files.h"
#include "read_profile.h"
#include "refuse.h"
#include "text.h"

namespace copper::postproc {
namespace {

constexpr auto kTimeout = std::chrono::seconds(30);

struct Found {
  CacheTables tables;
  std::string from;       // what was asked, for people
  std::string directory;  // where its outputs belong
  bool live = false;      // else the raw outputs are there already
};

Result<Found> Live(const Json& status, const std::string& from, const std::string& job_directory) {
  Result<CacheTables> tables = CacheTablesOf(status);
  if (!tables) return std::unexpected(tables.error());
  const bool here = !job_directory.empty() && access(job_directory.c_str(), W_OK) == 0;
  return Found{std::move(*tables), from, here ? job_directory + "/tables/live" : "", true};
}

Result<Found> Ended(const JobDirectory& job, const std::string& why_not_live) {
  const std::string directory = AbsolutePath(job.root()) + "/tables/final";
  Result<CacheTables> tables = ReadCacheTables(directory);
  if (tables) return Found{std::move(*tables), directory, directory, false};
  if (tables.error().code != ENOENT) return std::unexpected(tables.error());
  return Fail(ENOENT, why_not_live + ", and " + tables.error().message +
                          ", which rank 0 writes when the job ends in order" + DescribeRemains(job));
}

Result<Found> OfJob(const std::string& path) {
  const Result<Place> place = FindJob(path);
  if (!place) {
    const std::string root = RootOfPart(AbsolutePath(path));
    const std::string hint = root.empty() ? "" : "; give the job directory itself: " + root;
    return Fail(place.error().code,
                place.error().Describe() + ", and there are no outputs of cache-usage in it" + hint);
  }
  const bool may_run =
      place->mount_status || access(place->job.ready_file().c_str(), F_OK) == 0 || place->job.IsLocked();
  if (!may_run) return Ended(place->job, "nothing is running in " + place->job.root());
  const Result<Json> answer = Ask(place->job, {{"verb", "status"}}, kTimeout, Processes(place->job));
  if (answer && answer->contains("status"))
    return Live((*answer)["status"], "the job in " + place->job.root(), AbsolutePath(place->job.root()));
  const std::string why = answer ? "the job does not tell its status" : answer.error().Describe();
  if (!place->mount_status) return Ended(place->job, why);
  std::fprintf(stderr, "copper: this rank alone: %s\n", why.c_str());
  return Live(*place->mount_status, "the rank at " + path, "");
}

Result<Found> Find(const std::string& path) {
  Result<CacheTables> earlier = ReadCacheTables(path);
  if (earlier) return Found{std::move(*earlier), AbsolutePath(path), AbsolutePath(path), false};
  const int code = earlier.error().code;
  if (code != ENOENT && code != ENOTDIR) return std::unexpected(earlier.error());
  return OfJob(path);
}

Status WriteAll(const Found& found, const std::string& directory, const std::string& csv, const std::string& summary) {
  const auto files = OutputFiles::In(directory);
  if (!files) return std::unexpected(files.error());
  std::vector<std::pair<std::string, std::string>> contents;
  for (size_t i = 0; i < profile::kTables; ++i) {
    const bool copy = (found.live || directory != found.directory) && !found.tables.rows[i].empty();
    if (copy)
      contents.emplace_back(OccupancyFileName(static_cast<profile::Table>(i)),
                            profile::FormatOccupancy(found.tables.rows[i]));
  }
  contents.emplace_back("cache_usage_summary.txt", summary);
  contents.emplace_back("cache_usage_summary.csv", CacheSummaryCsv(found.tables));
  if (!csv.empty() && csv != directory + "/cache_usage_summary.csv")
    contents.emplace_back(csv, CacheSummaryCsv(found.tables));
  for (const auto& [name, content] : contents) {
    if (Status added = (*files)->Add(name, content); !added) return added;
  }
  return (*files)->Commit();
}

}  // namespace

int CacheUsage(const std::string& place, const std::string& output_directory, const std::string& csv) {
  const Result<Found> found = Find(place);
  if (!found) return Refuse(found.error().Describe());
  const std::string directory = output_directory.empty() ? found->directory : AbsolutePath(output_directory);
  if (directory.empty())
    return Refuse("the job directory cannot be written from here: say with --output-dir where the outputs belong");
  const std::string summary = CacheSummary(found->tables, found->from);
  if (const Status written = WriteAll(*found, directory, csv.empty() ? csv : AbsolutePath(csv), summary); !written)
    return Refuse(written.error().Describe());
  std::fputs(summary.c_str(), stdout);
  return 0;
}

}  // namespace copper::postproc

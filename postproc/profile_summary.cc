#include "profile_summary.h"

#include <algorithm>
#include <iterator>

#include "copper/base/log.h"
#include "profile_totals.h"
#include "text.h"

namespace copper::postproc {
namespace {

using profile::Operation;
using profile::Profile;

constexpr size_t kMostMissingRanks = 50;  // that are named one by one

std::string MissingRanks(const Profile& profile) {
  const std::vector<Rank> missing = profile.Missing();
  if (missing.empty()) return "none";
  std::vector<std::string> names;
  const size_t named = std::min(missing.size(), kMostMissingRanks);
  std::ranges::transform(missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(named),
                         std::back_inserter(names), [](Rank rank) { return std::to_string(rank); });
  return Join(names, ", ") + (named < missing.size() ? fmt::format(", ... ({} ranks)", missing.size()) : "");
}

std::string Recorded(const Profile& profile) {
  std::vector<std::string> kinds;
  if (profile.metrics) kinds.emplace_back("operations");
  if (profile.top_n > 0) kinds.push_back(fmt::format("the {} paths with the most events of each kind", profile.top_n));
  if (profile.paths_full) kinds.push_back(fmt::format("every path used ({})", profile.paths.rows()));
  return kinds.empty() ? "events only" : Join(kinds, "; ");
}

std::string Head(const JobProfile& job) {
  const Profile& profile = job.profile;
  std::string text = "# Cluster Profiling Summary\n\n";
  text += "- Job directory: " + MarkdownCode(job.job_directory) + "\n";
  for (const std::string& file : job.files) text += "- Profile: " + MarkdownCode(file) + "\n";
  text += "- Target of the mounts: " + MarkdownCode(profile.target.empty() ? "/" : profile.target) + "\n";
  text += fmt::format("- Ranks aggregated: `{}` of `{}`\n", profile.ranks.size(), profile.job_ranks);
  text += "- Ranks missing: " + MissingRanks(profile) + "\n";
  text += "- Recorded: " + Recorded(profile) + "\n";
  return text;
}

std::string Metrics(const Profile& profile) {
  std::string text = "\n## Aggregate Metrics\n\n";
  if (!profile.metrics) text += "Operations were not recorded (`--profile-metrics`): their totals are not here.\n\n";
  text += "| Metric | Value | Meaning |\n|---|---:|---|\n";
  for (const Total& total : Totals(profile))
    text += MarkdownRow({"`" + total.name + "`", total.value, total.meaning}) + "\n";
  return text;
}

std::string Operations(const Profile& profile) {
  if (!profile.metrics) return "";
  std::string text =
      "\n## Operation Totals\n\n"
      "| Operation | Total Calls | Cache Hits | Cache Misses | Negative Results | Avg Latency (us) | Total Latency (s) "
      "| p50 (us) | p99 (us) | Coalesced Waits | Errors |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (size_t i = 0; i < profile::kOperations; ++i) {
    if (profile.operations[i].calls == 0) continue;
    const std::string name = fmt::format("`{}`", Name(static_cast<Operation>(i)));
    text += MarkdownRow(OperationCells(name, profile.operations[i])) + "\n";
  }
  return text +
         "\nThe rows `peer_...` are requests of children to their parents; they are in no total. p50 and p99 are the "
         "latencies that half and 99% of the calls did not exceed, from a histogram with four buckets a doubling.\n";
}

constexpr std::string_view kNotes =
    "\n## How to Read This\n\n"
    "- Each event was counted once, on the rank where it was decided. A call is a hit, a miss or a coalesced wait, or "
    "it needed nothing that could be cached; negative results and errors are among them.\n"
    "- Events count what reached Copper. What the caches of the kernels answered (names, attributes, absences, pages) "
    "is not seen, so a path with few events may be in constant use.\n"
    "- What was not observed is not proven to be unneeded: another run, rank or input may use it.\n";

}  // namespace

std::string ProfileSummary(const JobProfile& job, const std::vector<Coverage>& coverage) {
  const Profile& profile = job.profile;
  return Head(job) + Metrics(profile) + Operations(profile) + SummaryOfRanks(profile) + SummaryOfTopPaths(profile) +
         SummaryOfClasses(profile) + SummaryOfCoverage(profile, coverage) + std::string(kNotes);
}

}  // namespace copper::postproc

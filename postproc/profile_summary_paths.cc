// What the paths of a profile say: the hottest, their classes, what to prune, how much of an environment was used.

#include <algorithm>

#include "copper/base/log.h"
#include "path_class.h"
#include "profile_summary.h"
#include "text.h"
#include "usage_roots.h"

namespace copper::postproc {
namespace {

using profile::Profile;
using profile::TopKind;
using profile::TopPath;

constexpr size_t kMostTopPaths = 20;  // of a kind, in the summary; all are in the CSV

bool Has(const ClassUses& uses, PathClass path_class) {
  return uses[static_cast<size_t>(path_class)].events > 0;
}

std::string Advice(const ClassUses& uses, uint64_t ttl_serves) {
  std::string text =
      "\n## Pruning Guidance\n\n"
      "Suggestions from the classes above, for a staged cleanup in a copy of the environment; no reason to delete what "
      "was not observed.\n\n"
      "- Keep the core of an environment: its root, `bin`, `lib`, `lib/python*` and `site-packages`.\n";
  if (Has(uses, PathClass::kTorchNativeLibrary))
    text += "- `torch_native_library`: the job loads Torch's native libraries; prune around them, never in there.\n";
  if (Has(uses, PathClass::kPythonSitePackages) || Has(uses, PathClass::kPythonStdlib))
    text +=
        "- `python_stdlib`, `python_site_packages`: Python is at work; take duplicate entries out of `PYTHONPATH` and "
        "unrelated packages out of the environment before touching the interpreter.\n";
  if (Has(uses, PathClass::kMissingSharedLibraryProbe))
    text +=
        "- `missing_shared_library_probe`: libraries were looked for where they are not; shorten `LD_LIBRARY_PATH`, "
        "and take stale and duplicate directories out of it.\n";
  if (Has(uses, PathClass::kPythonZipProbe) || Has(uses, PathClass::kVirtualEnvProbe) ||
      Has(uses, PathClass::kGlibcHwcapsProbe))
    text +=
        "- `python_zip_probe`, `virtual_env_probe`, `glibc_hwcaps_probe`: normal when Python and the loader start; "
        "no defect.\n";
  if (Has(uses, PathClass::kNegativeProbePath) || ttl_serves > 0)
    text +=
        "- Absent names were asked for: look for stale entries in `PATH`, `PYTHONPATH` and `LD_LIBRARY_PATH`; keep "
        "`--md-enoent-ttl-ms` on, which answers the repeated ones.\n";
  return text +
         "- In this order: duplicate entries of search paths, entries that do not exist, stale environments, and only "
         "then a reduced copy of an environment, tested by itself.\n";
}

// `cells`: those before the numbers.
std::vector<std::string> TopCells(std::vector<std::string> cells, const TopPath& top) {
  for (const uint64_t number :
       {top.events, top.excess, top.use.hits, top.use.misses, top.use.negative, top.use.ttl_serves, top.use.bytes}) {
    cells.push_back(std::to_string(number));
  }
  return cells;
}

std::string SummaryOfTop(const Profile& profile, TopKind kind) {
  const std::vector<TopPath>& paths = profile.top[static_cast<size_t>(kind)];
  if (paths.empty()) return "";
  std::string text = fmt::format(
      "\n### `{}`\n\n| Path | Events | Overcount at Most | Hits | Misses | Negative | TTL Serves | Bytes |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|\n",
      Name(kind));
  for (size_t i = 0; i < std::min(paths.size(), kMostTopPaths); ++i) {
    text += MarkdownRow(TopCells({MarkdownCode(AtSource(profile, paths[i].path))}, paths[i])) + "\n";
  }
  return text;
}

std::vector<std::string> CoverageCells(const Coverage& coverage) {
  const PathCounts& all = coverage.all;
  const PathCounts& used = coverage.used;
  return {MarkdownCode(coverage.root),      std::to_string(used.total() + coverage.missing),
          std::to_string(used.files),       std::to_string(all.files),
          Percent(used.files, all.files),   std::to_string(used.directories),
          std::to_string(all.directories),  Percent(used.directories, all.directories),
          std::to_string(coverage.missing), coverage.example.empty() ? "" : MarkdownCode(coverage.example)};
}

}  // namespace

std::string TopPathsCsv(const Profile& profile) {
  std::string csv =
      "category,path,total_events,overcount_at_most,cache_hits,cache_misses,negative_results,ttl_serves,bytes\n";
  for (size_t kind = 0; kind < profile::kTopKinds; ++kind) {
    for (const TopPath& top : profile.top[kind]) {
      const std::string category(Name(static_cast<TopKind>(kind)));
      csv += CsvRow(TopCells({category, AtSource(profile, top.path)}, top)) + "\n";
    }
  }
  return csv;
}

std::string SummaryOfTopPaths(const Profile& profile) {
  if (profile.top_n == 0) return "";
  std::string text = "\n## Hottest Paths\n";
  for (size_t kind = 0; kind < profile::kTopKinds; ++kind) text += SummaryOfTop(profile, static_cast<TopKind>(kind));
  return text;
}

std::string SummaryOfClasses(const Profile& profile) {
  if (!profile.paths_full && profile.top_n == 0) return "";
  const ClassUses uses = CountClasses(profile);
  std::vector<size_t> order;
  for (size_t i = 0; i < kPathClasses; ++i) {
    if (uses[i].entries > 0) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(~uses[i].events, i); });  // most first
  std::string text = "\n## Path Classes\n\n";
  text += profile.paths_full ? "Of every path that was used or probed.\n\n"
                             : "Of the paths with the most events only: `--profile-paths-full` records all.\n\n";
  text += "| Path Class | Entries | Total Events | Example |\n|---|---:|---:|---|\n";
  for (const size_t i : order) {
    text += MarkdownRow({fmt::format("`{}`", Name(static_cast<PathClass>(i))), std::to_string(uses[i].entries),
                         std::to_string(uses[i].events), MarkdownCode(AtSource(profile, uses[i].example))}) +
            "\n";
  }
  return text + Advice(uses, profile.events[static_cast<size_t>(profile::Event::kTtlServes)]);
}

std::string SummaryOfCoverage(const Profile& profile, const std::vector<Coverage>& coverage) {
  std::string text = "\n## Path Coverage Analysis\n\n";
  if (!profile.paths_full) return text + "Not known: paths were not recorded (`--profile-paths-full`).\n";
  if (coverage.empty()) return text + "No usage root was given (`--usage-root`), and no environment was used.\n";
  text +=
      "What is below each root on this machine now, and how much of it the job asked for. Files are all that is no "
      "directory, links too.\n\n"
      "| Root | Observed Paths | Observed Files | Total Files | File Coverage | Observed Dirs | Total Dirs | Dir "
      "Coverage "
      "| Missing Probe Paths | Example |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n";
  for (const Coverage& each : coverage) text += MarkdownRow(CoverageCells(each)) + "\n";
  return text;
}

}  // namespace copper::postproc

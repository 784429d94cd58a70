#include "path_lists.h"

#include <algorithm>
#include <iterator>

#include "copper/base/log.h"
#include "text.h"

namespace copper::postproc {
namespace {

constexpr std::string_view kNotProof =
    "This is no proof that a path can be deleted: another run, rank, number of nodes or input may use it. Events count "
    "what reached Copper; the first use of each name does.";

class Lists {
 public:
  Lists(PathReport& report, OutputFiles& files) : report_(report), files_(files) {}

  Status Open() {
    for (size_t i = 0; i < kPathLists; ++i) {
      const Result<size_t> file = files_.Open(std::string(FileName(static_cast<PathList>(i))));
      if (!file) return std::unexpected(file.error());
      numbers_[i] = *file;
    }
    return {};
  }

  void Take(const ComparedPath& path) {
    const std::string line = Escape(path.path) + "\n";
    if (path.there) Put(PathList::kAll, line, path.directory);
    if (path.there) Put(path.observed ? PathList::kUsed : PathList::kNotObserved, line, path.directory);
    if (!path.there) Put(PathList::kMissing, line, false);
    if (path.there && path.observed && path.absent_in_job) ++report_.appeared;
    if (!path.there && !path.absent_in_job) ++report_.gone;
  }

 private:
  void Put(PathList list, const std::string& line, bool directory) {
    const auto i = static_cast<size_t>(list);
    files_.Append(numbers_[i], line);
    report_.counts[i].Add(directory);
  }

  PathReport& report_;
  OutputFiles& files_;
  std::array<size_t, kPathLists> numbers_{};
};

std::string Share(uint64_t part, uint64_t whole, std::string_view quote) {
  return fmt::format("{0}{1}{0} of {0}{2}{0} ({0}{3}{0})", quote, part, whole, Percent(part, whole));
}

std::string CountsRow(std::string_view meaning, const PathReport& report, PathList list) {
  const PathCounts& counts = report.of(list);
  const bool missing = list == PathList::kMissing;
  return fmt::format("| {} | `{}` | {} | {} | {} | {} |\n", meaning, FileName(list), counts.total(),
                     missing ? 0 : counts.files, counts.directories, missing ? counts.total() : 0);
}

std::string Unread(const PathReport& report) {
  if (report.unreadable.empty()) return "";
  std::string text =
      fmt::format("\n## Not Looked Into\n\n{} directories could not be read; what is in there is in no count.\n\n",
                  report.unreadable.size());
  constexpr size_t kMost = 50;
  for (size_t i = 0; i < std::min(report.unreadable.size(), kMost); ++i)
    text += "- " + MarkdownCode(report.unreadable[i].reason) + "\n";
  return text;
}

std::string Counts(const PathReport& report) {
  return "\n## Counts Table\n\n| Meaning | File | Total Paths | Files | Directories | Missing |\n"
         "|---|---|---:|---:|---:|---:|\n" +
         CountsRow("All possible existing paths under the selected roots", report, PathList::kAll) +
         CountsRow("Actually used in this run", report, PathList::kUsed) +
         CountsRow("Not seen in this run, but exists", report, PathList::kNotObserved) +
         CountsRow("Probed but absent", report, PathList::kMissing) +
         "\nExisting means: on this machine, now. Files are all that is no directory, links too.\n";
}

}  // namespace

std::string_view FileName(PathList list) {
  static constexpr std::string_view kNames[] = {"all_possible_existing_paths.txt", "used_paths_existing.txt",
                                                "same_run_candidate_not_observed_existing_paths.txt",
                                                "missing_probe_paths.txt"};
  static_assert(std::size(kNames) == kPathLists);
  return kNames[static_cast<size_t>(list)];
}

Status WritePathLists(const profile::Profile& profile, const WalkedTree& tree, PathReport& report, OutputFiles& files) {
  Lists lists(report, files);
  if (Status opened = lists.Open(); !opened) return opened;
  Compare(profile, tree, report.roots, [&](const ComparedPath& path) { lists.Take(path); });
  report.unreadable = tree.unreadable;
  return {};
}

std::string PathsSummary(const PathReport& report) {
  const PathCounts& all = report.of(PathList::kAll);
  const PathCounts& used = report.of(PathList::kUsed);
  const uint64_t missing = report.of(PathList::kMissing).total();
  std::string text = "# Path Usage Analysis\n\n- Job directory: " + MarkdownCode(report.job_directory) + "\n";
  for (const std::string& file : report.profiles) text += "- Profile: " + MarkdownCode(file) + "\n";
  text += "- Output directory: " + MarkdownCode(report.output_directory) + "\n\n## Selected Roots\n\n";
  for (const std::string& root : report.roots) text += "- " + MarkdownCode(root) + "\n";
  if (report.roots.empty()) text += "- none: none was given, and no environment was found in the paths\n";
  text += Counts(report);
  text += "\n## Coverage\n\n";
  text += "- Observed files: " + Share(used.files, all.files, "`") + "\n";
  text += "- Observed directories: " + Share(used.directories, all.directories, "`") + "\n";
  text += fmt::format("- Observed paths under the roots: `{}`, of which `{}` exist and `{}` do not\n",
                      used.total() + missing, used.total(), missing);
  text += fmt::format(
      "- Of the used paths, `{}` were absent when the job asked for them; of those probed but absent, `{}` "
      "existed when it did\n",
      report.appeared, report.gone);
  return text + "\n" + std::string(kNotProof) + "\n" + Unread(report);
}

std::string RootsAndCounts(const PathReport& report) {
  const PathCounts& all = report.of(PathList::kAll);
  const PathCounts& used = report.of(PathList::kUsed);
  const uint64_t missing = report.of(PathList::kMissing).total();
  std::string text = "Path usage of " + Escape(report.job_directory) + "\n\nSelected roots:\n";
  for (const std::string& root : report.roots) text += "- " + Escape(root) + "\n";
  if (report.roots.empty()) text += "- none inferred\n";
  text += fmt::format("\nAll existing paths under selected roots: {}\n", all.total());
  text += fmt::format("Observed existing paths under selected roots: {}\n", used.total());
  text += fmt::format("Observed missing probe paths under selected roots: {}\n", missing);
  text += fmt::format("Observed paths under selected roots: {}\n", used.total() + missing);
  text += fmt::format("Candidate existing paths not observed: {}\n", report.of(PathList::kNotObserved).total());
  text += fmt::format("Directories that could not be read: {}\n\n", report.unreadable.size());
  text += "Observed files: " + Share(used.files, all.files, "") + "\n";
  text += "Observed directories: " + Share(used.directories, all.directories, "") + "\n\n";
  text += std::string(kNotProof) + "\n\n";
  return text +
         "In the lists each line is one path; a backslash is \\\\, a line break \\n, and other control characters and "
         "bytes that are not UTF-8 are \\xHH (printf %b of bash turns them back).\n";
}

}  // namespace copper::postproc

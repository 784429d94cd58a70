// copper: what a person or a script does beside the job.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>

#include "analyses.h"
#include "cli/verbs.h"
#include "copper/jobdir/command_line.h"
#include "refuse.h"

namespace copper::cli {

using postproc::AggregateProfiling;
using postproc::CacheUsage;
using postproc::PathUsage;
using postproc::Refuse;
namespace {

constexpr int kBadUsage = 2;

constexpr double kLongest = 30.0 * 86400;

// Of a time in seconds, not necessarily a whole one. NaN is in no range.
std::string CheckSeconds(const std::string& text) {
  double seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool good = error == std::errc() && rest == text.data() + text.size() && seconds >= 0 && seconds <= kLongest;
  return good ? "" : "'" + text + "' is no number of seconds from 0 to 2592000";
}

CLI::Option* AddTimeout(CommandLine& verb, double& seconds, const std::string& otherwise) {
  return verb.add_option("--timeout", seconds, "Seconds to wait [" + otherwise + "]")
      ->check(CLI::Validator(CheckSeconds, ""));
}

// What the verbs that look back at a job are given.
struct Analysis {
  std::string job;
  std::string prefix = "cluster";
  std::vector<std::string> usage_roots;
  std::string output_directory;
  std::string csv;
  bool skip_home = false;
};

void AddUsageRoot(CommandLine& verb, Analysis& given) {
  verb.add_option("--usage-root", given.usage_roots,
                  "A directory of the source whose use is looked into; may be repeated")
      ->allow_extra_args(false);  // what follows may be PREFIX
}

void AddAnalysisVerbs(CommandLine& line, Analysis& given, int& result) {
  constexpr auto kJob = "The job directory (--log-output-dir of cu_fuse) of a job that has ended";
  CommandLine* aggregate =
      line.add_subcommand("aggregate-profiling",
                          "Summarises the profile of a job into JOBDIR/profiling/cluster: totals, operations, paths");
  aggregate->add_option("JOBDIR", given.job, kJob)->required();
  aggregate->add_option("PREFIX", given.prefix, "Of the names of what is written [cluster]");
  AddUsageRoot(*aggregate, given);
  aggregate->callback([&] { result = AggregateProfiling(given.job, given.prefix, given.usage_roots); });

  CommandLine* paths = line.add_subcommand(
      "path-usage", "Lists what the job used of its environments, looked for in vain, and never touched");
  paths->add_option("JOBDIR", given.job, kJob)->required();
  AddUsageRoot(*paths, given);
  paths->add_option("--output-dir", given.output_directory, "Where the lists go [JOBDIR/paths_dir]");
  paths->add_flag("--skip-home-inference", given.skip_home, "Leaves out the folders of your home that the job used");
  paths->callback([&] { result = PathUsage(given.job, given.usage_roots, given.output_directory, given.skip_home); });

  CommandLine* usage =
      line.add_subcommand("cache-usage", "How full the data, tree and metadata tables of all ranks are");
  usage
      ->add_option("PLACE", given.job,
                   "A mount or the job directory of a running job; the job directory of one that has ended; or a "
                   "directory of earlier outputs")
      ->required();
  usage->add_option("--output-dir", given.output_directory,
                    "Where the outputs go [of a running job JOBDIR/tables/live, of an ended one JOBDIR/tables/final; "
                    "of earlier outputs, beside them]");
  usage->add_option("--csv", given.csv, "Writes the summary to this file, too, as CSV");
  usage->callback([&] { result = CacheUsage(given.job, given.output_directory, given.csv); });
}

int Main(const std::vector<std::string>& arguments) {
  CommandLine line("copper: waits for, asks and stops a Copper job, and tells what it did", "copper");
  line.set_version_flag("--version", "copper " COPPER_VERSION);
  line.set_help_all_flag("--help-all", "Print this help message and those of all verbs, and exit");
  line.require_subcommand(1);
  int result = 0;
  std::string place;
  double seconds = 0;
  std::string path;
  bool json = false;

  CommandLine* wait = line.add_subcommand("wait", "Returns 0 once every rank serves; 1 with the reason if that fails");
  wait->add_option("JOBDIR", place, "The job directory (--log-output-dir of cu_fuse)")->required();
  CLI::Option* wait_timeout = AddTimeout(*wait, seconds, "300");
  wait->callback([&] { result = Wait(place, std::chrono::duration<double>(wait_timeout->empty() ? 300 : seconds)); });

  CommandLine* stop = line.add_subcommand("stop", "Ends the job on every node; returns when it has ended");
  stop->add_option("PLACE", place, "The job directory, or a mount of the job on this node")->required();
  CLI::Option* stop_timeout = AddTimeout(*stop, seconds, "120");
  stop->callback([&] { result = Stop(place, std::chrono::duration<double>(stop_timeout->empty() ? 120 : seconds)); });

  CommandLine* status = line.add_subcommand("status", "Ranks, requests, and where the bytes came from");
  status->add_option("PLACE", place, "The job directory, or a mount of the job on this node")->required();
  status->add_flag("--json", json, "As JSON, with everything that is counted");
  status->callback([&] { result = ShowStatus(place, json); });

  CommandLine* refresh = line.add_subcommand("refresh",
                                             "Forgets what is cached of a path, and of all below it, on every node: "
                                             "who opens it next sees what the source has "
                                             "now. Who has it open keeps what he has, or gets ESTALE");
  refresh->add_option("PLACE", place, "The job directory, or a mount of the job on this node")->required();
  refresh->add_option("PATH", path,
                      "What to forget: a path below a mount of the job, or below its target, or one relative to the "
                      "target, with or without a slash before it [everything]");
  refresh->callback([&] { result = Refresh(place, path); });

  CommandLine* snapshot = line.add_subcommand(
      "snapshot", "Writes what all ranks have counted so far into JOBDIR/profiling/TAG/copper_profile.h5");
  snapshot->add_option("PLACE", place, "The job directory, or a mount of the job on this node")->required();
  snapshot->add_option("TAG", path, "A name for it [snapshot- and the time]");
  snapshot->callback([&] { result = Snapshot(place, path); });

  Analysis analysis;
  AddAnalysisVerbs(line, analysis, result);

  std::vector<std::string> reversed = NormalizeArguments(arguments, {});
  std::ranges::reverse(reversed);  // as CLI11 wants them
  try {
    line.parse(std::move(reversed));
  } catch (const CLI::ParseError& wrong) {
    return line.exit(wrong) == 0 ? 0 : kBadUsage;
  }
  return result;
}

}  // namespace

}  // namespace copper::cli

int main(int argc, char** argv) {
  try {
    return copper::cli::Main({argv + 1, argv + argc});
  } catch (const std::exception& failure) {
    return copper::postproc::Refuse(failure.what());
  }
}

#include "app/options.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "copper/base/path.h"
#include "copper/base/size_text.h"
#include "copper/jobdir/command_line.h"
#include "copper/mount/mount_name.h"

namespace copper::app {
namespace {

const std::map<std::string, std::string>& Aliases() {
  static const std::map<std::string, std::string> kAliases = {
      {"vpath", "mount"}, {"tpath", "target"}, {"es", "threads"}};
  return kAliases;
}

std::string Absolute(const std::string& path) {
  std::error_code failed;
  std::string absolute = std::filesystem::absolute(path, failed).lexically_normal();
  if (failed) return path;
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

// Ten thousand paths of each kind take some 50 MB in each thread that serves requests.
constexpr uint32_t kMostTopPaths = 10'000;

// Some chunks for each level of a deep tree, and the listings that are being read.
constexpr uint64_t kLeastBudget = uint64_t{16} << 20;

// What CLI11 fills, before it is turned into Options.
struct Raw {
  int log_level = 3;
  std::string log_type = "file";
  std::string max_cacheable = "unlimited";
  std::string cache_budget;
  std::string threads = "auto";
  std::string address_book_source = "discover";
  std::string trees;
};

std::string CheckThreads(const std::string& text) {
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc() && rest == text.data() + text.size() && number >= 1 && number <= 256;
  return good || text == "auto" ? "" : "'" + text + "' is neither auto nor a number from 1 to 256";
}

std::string CheckSize(const std::string& text) {
  if (text == "unlimited" || ParseSize(text)) return "";
  return "'" + text + "' is no size: give bytes, with K, M or G behind them if you like, or unlimited";
}

std::string CheckBudget(const std::string& text) {
  const std::optional<uint64_t> bytes = ParseSize(text);
  if (bytes && *bytes >= kLeastBudget) return "";
  return "'" + text + "' is no cache budget: give at least 16M, in bytes or with K, M or G behind them";
}

void DefinePaths(CommandLine& line, Options& options) {
  line.add_option("--mount", options.mount, "Mount point; %r is the rank, %h the short host name (-vpath)")
      ->required()
      ->type_name("DIR");
  line.add_option("--target", options.target, "Source tree that the mount mirrors (-tpath)")
      ->capture_default_str()
      ->type_name("DIR");
  line.add_option("--shared-fs", options.shared_fs,
                  "Treat the file system of PATH as shared by all nodes; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PATH");
  line.add_option("--log-output-dir", options.job_directory, "The job directory: logs, readiness, control")
      ->required()
      ->type_name("DIR");
}

void DefineLog(CommandLine& line, Raw& raw) {
  line.add_option("--log-level", raw.log_level, "0 none, 1 fatal, 2 error, 3 warning, 4 info, 5 debug")
      ->check(CLI::Range(0, 5))
      ->capture_default_str();
  line.add_option("--log-type", raw.log_type, "file, stdout or both")
      ->check(CLI::IsMember({"file", "stdout", "both", "file_and_stdout"}))
      ->capture_default_str();
}

void DefineNetwork(CommandLine& line, Options& options, Raw& raw) {
  line.add_option("--address-book-source", raw.address_book_source,
                  "discover: from what each host has; facility: from a site's file")
      ->check(CLI::IsMember({"discover", "facility"}))
      ->capture_default_str();
  line.add_option("--facility-address-book", options.facility_address_book,
                  "`host address` a line; a rank binds to the address that its host has there")
      ->type_name("FILE");
  line.add_option("--net-type", options.net_type, "Provider and domain: tcp, tcp://eth0, cxi0, cxi://cxi1, verbs, auto")
      ->capture_default_str();
}

void DefineTuning(CommandLine& line, Options& options, Raw& raw) {
  line.add_option("--trees", options.trees, "Rotated trees, so ranks that read the source [min(ranks, 32)]")
      ->check(CLI::Range(1U, UINT32_MAX));
  line.add_option("--fanout", options.fanout, "Children per node of a tree")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  line.add_option("--max-cacheable-byte-size", raw.max_cacheable,
                  "Larger files are read by each node straight from the source; takes K, M, G")
      ->check(CLI::Validator(CheckSize, ""))
      ->capture_default_str();
  line.add_option("--cache-budget", raw.cache_budget,
                  "Bytes held per node, least recently used leaves first; takes K, M, G "
                  "[half of the memory limit, at most a quarter of ulimit -v]")
      ->check(CLI::Validator(CheckBudget, ""))
      ->type_name("B");
  line.add_option(
          "--source-ops", options.source_ops,
          "Operations on the source at once, over the whole job; not counting those stuck for 10 s [32 for each tree]")
      ->check(CLI::Range(1U, UINT32_MAX));
  line.add_option("--source-timeout", options.source_timeout_s,
                  "How long the source itself may take before a request fails with ETIMEDOUT, in seconds")
      ->check(CLI::Range(1U, 30U * 86400U))
      ->type_name("S")
      ->capture_default_str();
  line.add_option("--md-enoent-ttl-ms", options.absent_ttl_ms,
                  "How long an absent path stays absent, in ms; -1: for the job")
      ->check(CLI::Range(int64_t{-1}, int64_t{1000} * 3600 * 24 * 365))
      ->capture_default_str();
  line.add_option("--threads", raw.threads, "FUSE threads (-es)")
      ->check(CLI::Validator(CheckThreads, ""))
      ->capture_default_str();
  line.add_flag("--allow-other", options.allow_other,
                "Other users may use the mount, as far as file modes let them; not files with access control lists")
      ->disable_flag_override();
}

void DefineProfile(CommandLine& line, Options& options) {
  line.add_flag("--profile-metrics", options.profile_metrics, "Record counts and latencies of each operation")
      ->disable_flag_override();
  line.add_option("--profile-top-n", options.profile_top_n,
                  "Record the N paths with most events of each kind; turns profiling on")
      ->check(CLI::Range(0U, kMostTopPaths))
      ->type_name("N")
      ->capture_default_str();
  line.add_flag("--profile-paths-full", options.profile_paths_full, "Record every path used; turns profiling on")
      ->disable_flag_override();
  line.add_option("--profile-snapshot-interval-s", options.profile_snapshot_interval_s,
                  "Write a snapshot of the profile every S seconds; turns profiling on. 0: none")
      ->check(CLI::Range(0U, 365U * 86400U))
      ->type_name("S")
      ->capture_default_str();
}

void Convert(const Raw& raw, Options& options) {
  static const std::map<std::string, LogType> kTypes = {{"file", LogType::kFile},
                                                        {"stdout", LogType::kStdout},
                                                        {"both", LogType::kBoth},
                                                        {"file_and_stdout", LogType::kBoth}};
  options.log_level = static_cast<LogLevel>(raw.log_level);
  options.log_type = kTypes.at(raw.log_type);
  options.cache_budget_bytes = ParseSize(raw.cache_budget);
  options.max_cacheable_bytes = ParseSize(raw.max_cacheable).value_or(UINT64_MAX);
  std::from_chars(raw.threads.data(), raw.threads.data() + raw.threads.size(), options.threads);
  options.mount = Absolute(options.mount);
  options.target = Absolute(options.target);
  options.job_directory = Absolute(options.job_directory);
  if (!options.facility_address_book.empty()) options.facility_address_book = Absolute(options.facility_address_book);
  std::ranges::transform(options.shared_fs, options.shared_fs.begin(), Absolute);
}

Status CheckAddressBook(const Raw& raw, const Options& options) {
  const bool facility = raw.address_book_source == "facility";
  if (facility == !options.facility_address_book.empty()) return {};
  return Fail(EINVAL, facility ? "--address-book-source facility needs --facility-address-book FILE"
                               : "--facility-address-book needs --address-book-source facility");
}

Status CheckNames(const Options& options) {
  if (const Status known = mount::CheckPlaceholders("--mount " + options.mount, options.mount); !known) return known;
  const std::string& job = options.job_directory;
  if (!job.contains("%r") && !job.contains("%h")) return {};
  return Fail(EINVAL,
              "--log-output-dir " + job + ": all ranks have one job directory; %r and %h are for --mount alone");
}

// The value of an option that names a path, even where other arguments are wrong.
std::optional<std::string> FindPath(const std::vector<std::string>& arguments, const std::string& option) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(option + "=")) return Absolute(arguments[i].substr(option.size() + 1));
    const bool has_value = i + 1 < arguments.size() && !arguments[i + 1].starts_with("-");
    if (arguments[i] == option && has_value) return Absolute(arguments[i + 1]);
  }
  return std::nullopt;
}

}  // namespace

Result<Command> ParseOptions(const std::vector<std::string>& arguments) {
  CommandLine line("cu_fuse: one rank of a Copper job. Start one per node with mpiexec or srun.", "cu_fuse");
  line.set_version_flag("--version", "cu_fuse " COPPER_VERSION);
  line.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  Command command;
  Raw raw;
  DefinePaths(line, command.options);
  DefineLog(line, raw);
  DefineNetwork(line, command.options, raw);
  DefineTuning(line, command.options, raw);
  DefineProfile(line, command.options);
  std::vector<std::string> reversed = NormalizeArguments(arguments, Aliases());
  std::ranges::reverse(reversed);  // as CLI11 wants them
  try {
    line.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    command.print = line.help();
    return command;
  } catch (const CLI::CallForVersion&) {
    command.print = line.version() + "\n";
    return command;
  } catch (const CLI::ParseError& wrong) {
    return Fail(EINVAL, std::string(wrong.what()) + "; cu_fuse --help lists the options");
  }
  if (const Status fits = CheckAddressBook(raw, command.options); !fits) return std::unexpected(fits.error());
  Convert(raw, command.options);
  if (const Status known = CheckNames(command.options); !known) return std::unexpected(known.error());
  const Options& given = command.options;
  if (const Status fits = mount::CheckPlaces(given.mount, given.target, given.job_directory); !fits)
    return std::unexpected(fits.error());
  return command;
}

std::optional<std::string> FindJobDirectory(const std::vector<std::string>& arguments) {
  const std::vector<std::string> normal = NormalizeArguments(arguments, Aliases());
  std::optional<std::string> directory = FindPath(normal, "--log-output-dir");
  const std::optional<std::string> mount = FindPath(normal, "--mount");
  if (directory && mount && IsAtOrBelow(*directory, *mount)) return std::nullopt;
  return directory;
}

}  // namespace copper::app

// The command line of cu_fuse; README.md has a table of it. An option exists only when what it says works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "copper/base/ids.h"
#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/storage/source_share.h"

namespace copper::app {

inline constexpr uint32_t kDefaultTrees = 32;

struct Options {
  std::string mount;                   // absolute, may hold %r, %h and %%
  std::string target = "/";            // absolute
  std::vector<std::string> shared_fs;  // absolute
  LogLevel log_level = LogLevel::kWarning;
  LogType log_type = LogType::kFile;
  std::string job_directory;          // absolute
  std::string facility_address_book;  // absolute; empty: the addresses are discovered
  std::string net_type = "auto";
  std::optional<uint32_t> trees;  // see TreesOf
  uint32_t fanout = 2;
  uint64_t max_cacheable_bytes = UINT64_MAX;
  std::optional<uint64_t> cache_budget_bytes;  // half of the memory that the node's ranks may use, where not given
  std::optional<uint32_t> source_ops;          // see SourceOpsOf
  uint32_t source_timeout_s = 600;             // how long the source's answer is waited for
  int64_t absent_ttl_ms = 2000;                // -1: for the job
  int threads = 0;                             // 0: auto
  bool allow_other = false;
  // Any of these turns profiling on, so that operations are recorded as well.
  bool profile_metrics = false;
  uint32_t profile_top_n = 0;
  bool profile_paths_full = false;
  uint32_t profile_snapshot_interval_s = 0;  // 0: none

  uint32_t TreesOf(uint32_t ranks) const { return trees.value_or(std::min(ranks, kDefaultTrees)); }
  uint32_t SourceOpsOf(uint32_t of_trees) const { return source_ops.value_or(storage::kSourceOpsPerTree * of_trees); }
  bool IsProfiling() const {
    return profile_metrics || profile_top_n > 0 || profile_paths_full || profile_snapshot_interval_s > 0;
  }
};

struct Command {
  Options options;
  std::string print;  // of --help and --version: to be printed instead of anything else
};

// `arguments` without the program's name, in either spelling. EINVAL with a message that names the option.
Result<Command> ParseOptions(const std::vector<std::string>& arguments);

// What was given for --log-output-dir, even where other arguments are wrong: so that their reason can be left there.
// nullopt also where it lies in the mount, where nothing may be left: a mount point has to be empty.
std::optional<std::string> FindJobDirectory(const std::vector<std::string>& arguments);

}  // namespace copper::app

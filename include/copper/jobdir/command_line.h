// The one place that names the argument parser (CLI11), with Copper's two spellings of an option:
// `--log-level 4` and, as sites have it in their scripts, `-log_level 4`.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <vector>

namespace copper {

using CommandLine = CLI::App;

// Rewrites established spellings to GNU ones: `-log_level` becomes `--log-level`, `-vpath` what `aliases` says
// (`{"vpath", "mount"}`). Values, `--options` and one-letter options stay; everything after `--` stays.
std::vector<std::string> NormalizeArguments(const std::vector<std::string>& arguments,
                                            const std::map<std::string, std::string>& aliases);

}  // namespace copper

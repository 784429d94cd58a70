// What kind of path this is, by its name: coarse classes that say what to prune in an environment, and what to keep.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "copper/profile/profile.h"

namespace copper::postproc {

enum class PathClass : uint8_t {
  // What exists. The first that fits in the order of ClassOf, not in this one.
  kEnvironmentPrefix,
  kPythonStdlib,
  kPythonSitePackages,
  kSharedLibrary,
  kTorchNativeLibrary,
  kTorchPythonPackage,
  kEnvironmentBin,
  // What was looked for in vain.
  kNegativeProbePath,
  kMissingSharedLibraryProbe,
  kPythonZipProbe,
  kVirtualEnvProbe,
  kGlibcHwcapsProbe,
  kCount
};
inline constexpr size_t kPathClasses = static_cast<size_t>(PathClass::kCount);
std::string_view Name(PathClass path_class);  // "environment_prefix", ...

PathClass ClassOf(std::string_view path, bool absent);

struct ClassUse {
  uint64_t entries = 0;  // distinct paths
  uint64_t events = 0;
  std::string example;          // the path with the most events
  uint64_t example_events = 0;  // its events
};
using ClassUses = std::array<ClassUse, kPathClasses>;

// Of all paths, where they were recorded; else of those with the most events.
ClassUses CountClasses(const profile::Profile& profile);

}  // namespace copper::postproc

#include "path_class.h"

#include <iterator>
#include <map>

#include "copper/base/path.h"

namespace copper::postproc {
namespace {

// Whether `path` has `part` in it, followed by the end of a component.
bool HasComponents(std::string_view path, std::string_view part) {
  for (size_t at = path.find(part); at != std::string_view::npos; at = path.find(part, at + 1)) {
    const size_t end = at + part.size();
    if (end == path.size() || path[end] == '/') return true;
  }
  return false;
}

// libx.so, libx.so.1.2
bool IsSharedLibrary(std::string_view path) {
  const std::string_view name = BaseName(path);
  return name.ends_with(".so") || name.contains(".so.");
}

PathClass ClassOfAbsent(std::string_view path) {
  const std::string_view name = BaseName(path);
  if (name.starts_with("python") && name.ends_with(".zip")) return PathClass::kPythonZipProbe;
  if (name == "pyvenv.cfg") return PathClass::kVirtualEnvProbe;
  if (HasComponents(path, "/glibc-hwcaps")) return PathClass::kGlibcHwcapsProbe;
  if (IsSharedLibrary(path)) return PathClass::kMissingSharedLibraryProbe;
  return PathClass::kNegativeProbePath;
}

bool IsInPackages(std::string_view path, std::string_view package) {
  return path.contains("/site-packages/" + std::string(package)) ||
         path.contains("/dist-packages/" + std::string(package));
}

bool IsPackages(std::string_view path) {
  return HasComponents(path, "/site-packages") || HasComponents(path, "/dist-packages");
}

void Count(ClassUses& uses, std::string_view path, const profile::PathUse& use) {
  ClassUse& in = uses[static_cast<size_t>(ClassOf(path, use.kind == profile::PathKind::kAbsent))];
  ++in.entries;
  in.events += use.events;
  if (!in.example.empty() && use.events <= in.example_events) return;
  in.example = path;
  in.example_events = use.events;
}

// A path may be among those with the most events of several kinds: its events are added.
std::map<std::string, profile::PathUse> TopPaths(const profile::Profile& profile) {
  std::map<std::string, profile::PathUse> paths;
  for (size_t kind = 0; kind < profile::kTopKinds; ++kind) {
    const bool absent = static_cast<profile::TopKind>(kind) == profile::TopKind::kNegativeTtl;
    for (const profile::TopPath& top : profile.top[kind]) {
      profile::PathUse use = top.use;
      use.events = top.events;
      if (use.kind == profile::PathKind::kUnknown && absent) use.kind = profile::PathKind::kAbsent;
      paths[top.path].Merge(use);
    }
  }
  return paths;
}

}  // namespace

std::string_view Name(PathClass path_class) {
  static constexpr std::string_view kNames[] = {
      "environment_prefix",           "python_stdlib",        "python_site_packages", "shared_library",
      "torch_native_library",         "torch_python_package", "environment_bin",      "negative_probe_path",
      "missing_shared_library_probe", "python_zip_probe",     "virtual_env_probe",    "glibc_hwcaps_probe"};
  static_assert(std::size(kNames) == kPathClasses);
  return kNames[static_cast<size_t>(path_class)];
}

PathClass ClassOf(std::string_view path, bool absent) {
  if (absent) return ClassOfAbsent(path);
  if (IsInPackages(path, "torch/lib/")) return PathClass::kTorchNativeLibrary;
  if (IsInPackages(path, "torch")) return PathClass::kTorchPythonPackage;
  if (IsPackages(path)) return PathClass::kPythonSitePackages;
  if (path.contains("/lib/python") || path.contains("/lib64/python")) return PathClass::kPythonStdlib;
  if (HasComponents(path, "/bin")) return PathClass::kEnvironmentBin;
  if (IsSharedLibrary(path)) return PathClass::kSharedLibrary;
  return PathClass::kEnvironmentPrefix;
}

ClassUses CountClasses(const profile::Profile& profile) {
  ClassUses uses;
  if (profile.paths_full) {
    profile.paths.ForEach([&](std::string_view path, const profile::PathUse& use) { Count(uses, path, use); });
  } else {
    for (const auto& [path, use] : TopPaths(profile)) Count(uses, path, use);
  }
  return uses;
}

}  // namespace copper::postproc

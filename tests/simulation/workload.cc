#include "simulation/workload.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace copper::simulation {
namespace {

constexpr uint32_t kFilesPerDirectory = 4;
constexpr uint32_t kDirectoriesPerPackage = 12;
constexpr uint32_t kLibraryEvery = 15;
constexpr double kLooksPerFile = 0.9;
constexpr double kAbsentPerFile = 0.37;
// The warm import of the benchmark takes 1.4 s of a process for 1,042 files: some 4,100 steps.
constexpr auto kThink = microseconds(340);

Duration Think(Random& random) {
  return random.Between(kThink / 2, kThink * 3 / 2);
}

// Sizes that add up to `bytes`: 9 of 10 in the libraries, where there are any.
uint64_t SizeOf(const Import& import, uint32_t number, Random& random) {
  const uint32_t libraries = import.files / kLibraryEvery;
  const bool is_library = number % kLibraryEvery == kLibraryEvery - 1;
  const uint64_t in_libraries = libraries > 0 ? import.bytes / 10 * 9 : 0;
  const uint64_t mean =
      is_library ? in_libraries / libraries : (import.bytes - in_libraries) / (import.files - libraries);
  return 1 + static_cast<uint64_t>(static_cast<double>(mean) * 2 * random.Unit());
}

struct Planted {
  std::vector<NameId> directories;
  std::vector<NameId> files;  // in the order in which they are needed
};

Planted Plant(FileTree& tree, const Import& import, Random& random) {
  Planted planted;
  NameId package = kRoot, directory = kRoot;
  for (uint32_t file = 0; file < import.files; ++file) {
    const uint32_t in_directory = file % kFilesPerDirectory;
    if (in_directory == 0) {
      const uint32_t number = file / kFilesPerDirectory;
      if (number % kDirectoriesPerPackage == 0) {
        package = tree.Add(kRoot, "package" + std::to_string(number / kDirectoriesPerPackage), NameKind::kDirectory);
        directory = package;
      } else {
        directory = tree.Add(package, "part" + std::to_string(number), NameKind::kDirectory);
      }
      planted.directories.push_back(directory);
    }
    const bool is_library = file % kLibraryEvery == kLibraryEvery - 1;
    const std::string name = (is_library ? "library" : "module") + std::to_string(file);
    planted.files.push_back(
        tree.Add(directory, name, is_library ? NameKind::kLibrary : NameKind::kFile, SizeOf(import, file, random)));
  }
  return planted;
}

}  // namespace

Workload MakeImport(const Import& import, uint64_t seed) {
  Workload workload;
  FileTree& tree = workload.tree;
  Random random(seed, 3);
  const Planted planted = Plant(tree, import, random);
  NameId listed = kRoot;
  for (size_t number = 0; number < planted.files.size(); ++number) {
    const NameId file = planted.files[number];
    const NameId directory = tree.ParentOf(file);
    if (std::exchange(listed, directory) != directory)
      workload.steps.push_back({Doing::kList, directory, Think(random)});
    if (random.Happens(kAbsentPerFile)) {
      const NameId absent = tree.Add(directory, "absent" + std::to_string(number), NameKind::kAbsent);
      workload.steps.push_back({Doing::kLook, absent, Think(random)});
    }
    if (random.Happens(kLooksPerFile)) {
      const std::string name = "other" + std::to_string(number);
      workload.steps.push_back({Doing::kLook, tree.Add(directory, name, NameKind::kFile, 1000), Think(random)});
    }
    workload.steps.push_back({Doing::kLook, file, Think(random)});
    workload.steps.push_back({Doing::kRead, file, Think(random)});
  }
  return workload;
}

Workload MakeFind(const Import& import, uint64_t seed) {
  Workload workload;
  Random random(seed, 3);
  const Planted planted = Plant(workload.tree, import, random);
  for (const NameId directory : planted.directories) {
    workload.steps.push_back({Doing::kList, directory, microseconds(5)});
    for (const NameId child : workload.tree.ChildrenOf(directory)) {
      workload.steps.push_back({Doing::kLook, child, microseconds(1)});
    }
  }
  return workload;
}

Workload MakeLarge(uint64_t bytes) {
  Workload workload;
  const NameId directory = workload.tree.Add(kRoot, "data", NameKind::kDirectory);
  const NameId file = workload.tree.Add(directory, "large.bin", NameKind::kFile, bytes);
  workload.steps = {{Doing::kLook, file}, {Doing::kRead, file}};
  return workload;
}

Workload MakeAbsent(uint32_t names) {
  Workload workload;
  constexpr uint32_t kPerDirectory = 20;
  NameId directory = kRoot;
  for (uint32_t number = 0; number < names; ++number) {
    if (number % kPerDirectory == 0) {
      directory = workload.tree.Add(kRoot, "directory" + std::to_string(number), NameKind::kDirectory);
    }
    const NameId absent = workload.tree.Add(directory, "absent" + std::to_string(number), NameKind::kAbsent);
    workload.steps.push_back({Doing::kLook, absent, microseconds(20)});
  }
  return workload;
}

namespace {

// The names of a path, made where they are not there yet; directories above it.
NameId Enter(FileTree& tree, const std::string& path, NameKind kind, uint64_t size) {
  if (const auto known = tree.Find(path)) return *known;
  const size_t slash = path.rfind('/');
  const std::string above = slash == 0 ? "/" : path.substr(0, slash);
  const NameId parent = Enter(tree, above, NameKind::kDirectory, 0);
  return tree.Add(parent, path.substr(slash + 1), kind, size);
}

std::optional<NameKind> KindOf(char letter) {
  switch (letter) {
    case 'd':
      return NameKind::kDirectory;
    case 'f':
      return NameKind::kFile;
    case 'l':
      return NameKind::kLibrary;
    case 'a':
      return NameKind::kAbsent;
    default:
      return std::nullopt;
  }
}

std::optional<Doing> DoingOf(char letter) {
  switch (letter) {
    case 'L':
      return Doing::kLook;
    case 'D':
      return Doing::kList;
    case 'R':
      return Doing::kRead;
    default:
      return std::nullopt;
  }
}

bool ReadLine(const std::string& line, Workload& workload, std::vector<NameId>& ids) {
  std::istringstream in(line);
  char letter = 0;
  in >> letter;
  if (const std::optional<NameKind> kind = KindOf(letter)) {
    uint64_t size = 0;
    std::string path;
    in >> size >> std::ws;
    std::getline(in, path);
    const bool is_path = path.size() > 1 && path.starts_with('/') && !path.ends_with('/') && !path.contains("//");
    if (!in || !is_path) return false;
    const std::optional<NameId> known = workload.tree.Find(path);
    // Directories may be known by what lies in them.
    if (known && !(workload.tree.IsDirectory(*known) && *kind == NameKind::kDirectory)) return false;
    ids.push_back(Enter(workload.tree, path, *kind, size));
    return true;
  }
  size_t number = 0;
  int64_t think = 0;
  in >> number >> think;
  const std::optional<Doing> doing = DoingOf(letter);
  if (!in || !doing || number >= ids.size() || think < 0) return false;
  const NameKind kind = workload.tree.KindOf(ids[number]);
  if (*doing == Doing::kRead && kind != NameKind::kFile && kind != NameKind::kLibrary) return false;
  if (*doing == Doing::kList && kind != NameKind::kDirectory) return false;
  workload.steps.push_back({*doing, ids[number], microseconds(think)});
  return true;
}

}  // namespace

Result<Workload> ReadTrace(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Fail(EINVAL, "cannot read the trace " + file);
  Workload workload;
  std::vector<NameId> ids;
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    if (!ReadLine(line, workload, ids))
      return Fail(EINVAL, file + ":" + std::to_string(number) + ": not a line of a trace");
  }
  if (workload.steps.empty()) return Fail(EINVAL, "the trace " + file + " has no steps");
  return workload;
}

}  // namespace copper::simulation

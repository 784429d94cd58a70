// What the processes of a node do, step by step: recorded from a real one (record.py), or made up with the proportions
// of one. Every process of the job does the same, each with pauses of its own.
#pragma once

#include <string>
#include <vector>

#include "copper/base/result.h"
#include "simulation/file_tree.h"
#include "simulation/models.h"
#include "simulation/random.h"

namespace copper::simulation {

enum class Doing : uint8_t { kLook, kList, kRead };

struct Step {
  Doing doing = Doing::kLook;
  NameId id = kRoot;
  Duration think{};  // before it
};

struct Workload {
  FileTree tree;
  std::vector<Step> steps;
};

struct Import {
  uint32_t files = 1000;
  uint64_t bytes = uint64_t{200} << 20;
};

// As an import of numpy, scipy, sympy, pandas and matplotlib does it: for each file that is read 0.25 directories
// listed, 0.9 names looked at and never opened, 0.37 absent ones; one file in fifteen is a library with most of the
// bytes.
Workload MakeImport(const Import& import, uint64_t seed);
// `find -printf %s` over the same tree: every directory listed, every name looked at.
Workload MakeFind(const Import& import, uint64_t seed);
// One file, read from its beginning to its end.
Workload MakeLarge(uint64_t bytes);
// So many names that are not there, in as many directories as there are files of an import.
Workload MakeAbsent(uint32_t names);
// A recorded one: README.md has the format. EINVAL with what is wrong where.
Result<Workload> ReadTrace(const std::string& file);

}  // namespace copper::simulation

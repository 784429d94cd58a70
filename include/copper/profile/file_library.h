// The border between those who write or read a profile (profile_file.h) and the library that does it (src/hdf5): what
// the library shows, under the one name that it exports.
//
// C++ objects cross it, so both sides have to be of one build. Where a program finds the library of another one, after
// an update of the installation while a job runs, say, it must not call into it: `build` tells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

struct FileLibrary {
  uint64_t build;  // BuildOf the library; the first member in all builds
  // As the functions of profile_file.h.
  Status (*write)(const std::string& file, const Profile& profile);
  Status (*write_path_table)(const std::string& file, const Profile& profile);
  Result<Profile> (*read)(const std::string& file);
};

inline constexpr const char* kFileLibrarySymbol = "copper_file_library";

// A number of Copper's version, the compiler, and the layout of what crosses the border. FNV-1a (Fowler, Noll, Vo).
constexpr uint64_t BuildOf(std::string_view version) {
  uint64_t hash = 14695981039346656037U;
  const auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 1099511628211U; };
  for (const std::string_view text : {version, std::string_view(__VERSION__)}) {
    for (const char c : text) add(static_cast<unsigned char>(c));
  }
  for (const size_t size : {sizeof(FileLibrary), sizeof(Result<Profile>), sizeof(Status), sizeof(Profile),
                            sizeof(OperationUse), sizeof(RankUse), sizeof(TopPath), sizeof(PathUse), sizeof(PathRun),
                            kOperations, kEvents, kTables, kTopKinds, static_cast<size_t>(PathKind::kCount)}) {
    add(size);
  }
  return hash;
}

}  // namespace copper::profile

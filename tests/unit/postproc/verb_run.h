// Runs a verb on a job directory of the test's own, and compares what it wrote with tests/data/golden.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "analyses.h"
#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/temporary_directory.h"

namespace copper::postproc {

inline std::string SmallProfile() {
  return std::string(COPPER_ROOT) + "/tests/data/small_profile.h5";
}

struct Ran {
  int status = 0;
  std::string out;
  std::string error;
};

template <class Verb>
Ran RunVerb(Verb verb) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = verb();
  std::string out = testing::internal::GetCapturedStdout();
  return {status, std::move(out), testing::internal::GetCapturedStderr()};
}

class JobFixture : public testing::Test {
 protected:
  JobFixture() { std::filesystem::create_directories(job_ + "/logs"); }

  static std::string Text(const std::string& file) { return ReadWholeFile(file).value_or("cannot be read: " + file); }
  static void Put(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
  }
  void PutSmallProfile() { Put(job_ + "/profiling/final/copper_profile.h5", Text(SmallProfile())); }
  void PutProfile(const profile::Profile& profile, const std::string& name = "copper_profile.h5") {
    const Status written = profile::WriteProfile(job_ + "/profiling/final/" + name, profile);
    ASSERT_TRUE(written) << written.error().Describe();
  }

  // Names of what is in a folder, sorted.
  static std::vector<std::string> NamesIn(const std::string& folder) {
    std::vector<std::string> names;
    if (!std::filesystem::exists(folder)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      names.push_back(entry.path().filename().native());
    std::ranges::sort(names);
    return names;
  }

  // The files of a folder are those of tests/data/golden/NAME; the test's own directory stands there as ROOT.
  // COPPER_UPDATE_DATA=1 makes them anew.
  void ExpectGolden(const std::string& folder, const std::string& name) {
    const std::string golden = std::string(COPPER_ROOT) + "/tests/data/golden/" + name;
    const bool update = getenv("COPPER_UPDATE_DATA") != nullptr;
    if (update) std::filesystem::remove_all(golden);
    for (const std::string& file : NamesIn(folder)) {
      const std::string text = WithoutRoot(Text(folder + "/" + file));
      if (update) Put(golden + "/" + file, text);
      EXPECT_EQ(text, Text(golden + "/" + file)) << name << "/" << file;
    }
    EXPECT_EQ(NamesIn(folder), NamesIn(golden));
  }

  std::string WithoutRoot(std::string text) const {
    const std::string& root = directory_.path();
    for (size_t at = text.find(root); at != std::string::npos; at = text.find(root, at))
      text.replace(at, root.size(), "ROOT");
    return text;
  }

  fakes::TemporaryDirectory directory_;
  const std::string job_ = directory_.At("job");
};

}  // namespace copper::postproc

#include "profile/file_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/temporary_directory.h"

namespace copper::profile {
namespace {

using fakes::TemporaryDirectory;

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kFile = "copper_hdf5.so";

Error ErrorOf(const std::vector<std::string>& places) {
  const Result<const FileLibrary*> library = LoadFileLibrary(places);
  return library ? Error{0, "it was loaded"} : library.error();
}

// The directory of this build's own.
std::string Own() {
  for (const std::string& place : PlacesOfFileLibrary()) {
    if (std::filesystem::exists(place + "/" + kFile)) return place;
  }
  return "";
}

bool IsMapped(const std::string& what) {
  return ReadWholeFile("/proc/self/maps").value_or("").contains(what);
}

TEST(FileLoader, TheFirstCallLoadsItForGood) {
  EXPECT_FALSE(IsMapped("libhdf5")) << "this program does not need it before";
  ASSERT_TRUE(LoadProfileFiles());
  EXPECT_TRUE(IsMapped("libhdf5"));
  EXPECT_TRUE(IsMapped(kFile));
  ASSERT_TRUE(LoadProfileFiles());
}

TEST(FileLoader, LooksWhereItIsInstalledAndBesideTheProgram) {
  const std::vector<std::string> places = PlacesOfFileLibrary();
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[1], std::filesystem::read_symlink("/proc/self/exe").parent_path());
  const TemporaryDirectory empty;
  EXPECT_TRUE(LoadFileLibrary(std::vector{empty.path(), Own()}));
}

TEST(FileLoader, WhatIsLoadedIsNotLookedForAgain) {
  const TemporaryDirectory place;
  std::filesystem::copy_file(Own() + "/" + kFile, place.At(kFile));
  const Result<const FileLibrary*> library = LoadFileLibrary(std::vector{place.path()});
  ASSERT_TRUE(library) << library.error().Describe();
  std::filesystem::remove(place.At(kFile));
  const TemporaryDirectory nearer;
  ASSERT_TRUE(WriteWholeFile(nearer.At(kFile), "not a library"));
  const Result<const FileLibrary*> again = LoadFileLibrary(std::vector{nearer.path(), place.path()});
  ASSERT_TRUE(again) << again.error().Describe();
  EXPECT_EQ(*again, *library);
}

TEST(FileLoader, WhatIsNowhereIsNamedWithEachPlace) {
  const TemporaryDirectory one;
  const TemporaryDirectory other;
  const Error error = ErrorOf({one.path(), other.path()});
  EXPECT_EQ(error.code, ENOENT);
  EXPECT_THAT(error.message, AllOf(HasSubstr(kFile), HasSubstr(one.path()), HasSubstr(other.path()),
                                   HasSubstr("install Copper again")));
  EXPECT_EQ(ErrorOf({}).code, ENOENT);
}

TEST(FileLoader, WhatIsNoLibraryIsNamedWithTheReason) {
  const TemporaryDirectory place;
  ASSERT_TRUE(WriteWholeFile(place.At(kFile), "not a library"));
  const TemporaryDirectory good;
  std::filesystem::copy_file(Own() + "/" + kFile, good.At(kFile));
  const Error error = ErrorOf({place.path(), good.path()});
  EXPECT_EQ(error.code, ELIBACC) << "another one is no substitute for what is there";
  EXPECT_THAT(error.message, AllOf(HasSubstr(place.At(kFile)), HasSubstr("file too short")));
}

TEST(FileLoader, WhatCannotBeReadIsNamedWithTheReason) {
  const TemporaryDirectory place;
  std::filesystem::create_directory(place.At(kFile));
  const Error error = ErrorOf({place.path()});
  EXPECT_EQ(error.code, EISDIR);
  EXPECT_THAT(error.message, HasSubstr(place.At(kFile)));
}

TEST(FileLoader, OfAnotherBuildIsNotCalledInto) {
  const TemporaryDirectory place;
  std::filesystem::create_symlink(OTHER_BUILD, place.At(kFile));
  const Error error = ErrorOf({place.path()});
  EXPECT_EQ(error.code, ELIBBAD);
  EXPECT_THAT(error.message, AllOf(HasSubstr(place.At(kFile)), HasSubstr("another build")));
}

}  // namespace
}  // namespace copper::profile

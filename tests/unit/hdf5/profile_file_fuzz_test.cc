// Files that are cut off, damaged or foreign: one clear error, never a crash, and never wrong numbers.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/sample_profile.h"
#include "fakes/temporary_directory.h"
#include "hdf5/schema.h"

namespace copper::profile {
namespace {

namespace schema = hdf5::schema;

using fakes::TemporaryDirectory;

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ProfileFileFuzz : public testing::Test {
 protected:
  ProfileFileFuzz() {
    const Status written = WriteProfile(file_, sample_);
    EXPECT_TRUE(written) << written.error().Describe();
    good_ = ReadWholeFile(file_).value_or("");
  }

  void Put(std::string_view content) {
    const Status put = WriteWholeFile(file_, content);
    ASSERT_TRUE(put) << put.error().Describe();
  }
  // What is said of `content`; empty if it is a profile.
  std::string Complaint(std::string_view content) {
    Put(content);
    return Complaint();
  }
  std::string Complaint() {
    const Result<Profile> read = ReadProfile(file_);
    if (read) return {};
    EXPECT_EQ(read.error().code, EBADMSG);
    EXPECT_THAT(read.error().message, StartsWith(file_ + " "));
    EXPECT_EQ(read.error().message.find('\n'), std::string::npos) << read.error().message;
    return read.error().message.substr(file_.size() + 1);
  }
  // Something of what is in the file is another; all that it keeps is as it was, or it is refused.
  void ExpectRefusedOrSame(std::string_view content, const std::string& what) {
    Put(content);
    const Result<Profile> read = ReadProfile(file_);
    if (read) {
      EXPECT_TRUE(Same(*read, sample_)) << what << ": wrong numbers";
    } else {
      EXPECT_EQ(read.error().code, EBADMSG) << what << ": " << read.error().Describe();
    }
    refused_ += read ? 0 : 1;
  }
  // Changes the file as a program would that is not Copper.
  void Edit(auto change) {
    const hid_t file = H5Fopen(file_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    change(file);
    ASSERT_GE(H5Fclose(file), 0);
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.At("copper_profile.h5");
  const Profile sample_ = SampleProfile();
  std::string good_;
  size_t refused_ = 0;
};

size_t OpenFiles() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST_F(ProfileFileFuzz, AbsentFile) {
  const Result<Profile> read = ReadProfile(directory_.At("absent.h5"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ENOENT);
  EXPECT_THAT(read.error().message, HasSubstr("absent.h5: No such file or directory"));
}

TEST_F(ProfileFileFuzz, NoHdf5File) {
  EXPECT_EQ(Complaint("rank,host\n0,node0\n"), "is not an HDF5 file");
  EXPECT_EQ(Complaint(std::string(100'000, '\0')), "is not an HDF5 file");
}

TEST_F(ProfileFileFuzz, FolderAndPipe) {
  for (const auto make :
       {+[](const char* name) { return mkdir(name, 0755); }, +[](const char* name) { return mkfifo(name, 0644); }}) {
    std::filesystem::remove_all(file_);
    ASSERT_EQ(make(file_.c_str()), 0);
    EXPECT_EQ(Complaint(), "is not an HDF5 file: it is no regular file");
  }
}

TEST_F(ProfileFileFuzz, CutOffAnywhere) {
  const std::string size = std::to_string(good_.size());
  EXPECT_EQ(Complaint(""), "is cut off: it has 0 bytes");
  EXPECT_EQ(Complaint(good_.substr(0, good_.size() - 1)),
            "is cut off: it has " + std::to_string(good_.size() - 1) + " of " + size + " bytes");
  for (size_t left = 1; left < good_.size(); left += left < 64 ? 1 : 211) {
    EXPECT_THAT(Complaint(good_.substr(0, left)), StartsWith("is cut off")) << left;
  }
}

TEST_F(ProfileFileFuzz, ForeignFiles) {
  for (const bool latest : {false, true}) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (latest) H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    const hid_t foreign = H5Fcreate(file_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    ASSERT_GE(foreign, 0);
    H5Fclose(foreign);
    H5Pclose(access);
    EXPECT_EQ(Complaint(), "was not written by Copper: it is an HDF5 file of another kind");
  }
}

TEST_F(ProfileFileFuzz, NewerSchema) {
  Edit([](hid_t file) {
    const hid_t attribute = H5Aopen(file, "schema_version", H5P_DEFAULT);
    const uint32_t version = schema::kVersion + 2;
    EXPECT_GE(H5Awrite(attribute, H5T_NATIVE_UINT32, &version), 0);
    H5Aclose(attribute);
  });
  EXPECT_THAT(Complaint(), StartsWith("has schema version 3, this program reads up to 1"));
}

TEST_F(ProfileFileFuzz, MissingDataset) {
  for (const char* name : {schema::kJob.name, schema::kRanks.name, schema::kMissing.name, schema::kHistogram.name,
                           schema::kEvents.name, schema::kTop[1].name, schema::kPathBytes.name, "/paths/bytes"}) {
    Put(good_);
    Edit([name](hid_t file) { EXPECT_GE(H5Ldelete(file, name, H5P_DEFAULT), 0) << name; });
    EXPECT_THAT(Complaint(), StartsWith("is damaged: ")) << name;
  }
}

// Such a dataset takes no room in the file, and would take all memory and years to be read.
TEST_F(ProfileFileFuzz, DatasetThatClaimsToBeHuge) {
  for (const schema::Item& item : {schema::kPathBytes, schema::kPathOffset, schema::kMissing}) {
    Put(good_);
    Edit([&item](hid_t file) {
      EXPECT_GE(H5Ldelete(file, item.name, H5P_DEFAULT), 0);
      const hsize_t length = hsize_t{1} << 40;
      const hsize_t chunk = 1 << 20;
      const hid_t space = H5Screate_simple(1, &length, nullptr);
      const hid_t storage = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_chunk(storage, 1, &chunk);
      const hid_t dataset = H5Dcreate2(file, item.name, H5T_NATIVE_UINT64, space, H5P_DEFAULT, storage, H5P_DEFAULT);
      EXPECT_GE(dataset, 0);
      H5Dclose(dataset);
      H5Pclose(storage);
      H5Sclose(space);
    });
    EXPECT_EQ(Complaint(), std::string("is damaged: ") + item.name + " claims to be larger than it is");
  }
}

TEST_F(ProfileFileFuzz, FlippedBits) {
  std::string bad = good_;
  size_t tried = 0;
  const auto before = OpenFiles();
  for (size_t at = 0; at < good_.size(); at += at < 2048 ? 7 : 89) {
    bad[at] = static_cast<char>(good_[at] ^ (1 << (at % 8)));
    ExpectRefusedOrSame(bad, "bit at " + std::to_string(at));
    bad[at] = good_[at];
    ++tried;
  }
  EXPECT_GT(refused_, tried * 2 / 3) << "most of a file is needed";
  EXPECT_EQ(OpenFiles(), before) << "nothing stays open";
}

TEST_F(ProfileFileFuzz, OverwrittenRuns) {
  std::mt19937_64 random(4711);
  for (int round = 0; round < 200; ++round) {
    std::string bad = good_;
    const size_t at = random() % bad.size();
    const size_t length = std::min<size_t>(1 + random() % 4096, bad.size() - at);
    if (round % 3 == 0) {
      std::ranges::fill(bad.begin() + static_cast<ptrdiff_t>(at), bad.begin() + static_cast<ptrdiff_t>(at + length), 0);
    } else if (round % 3 == 1) {
      for (size_t i = 0; i < length; ++i) bad[at + i] = static_cast<char>(random());
    } else {
      bad.erase(at, length).append(length, '\0');
    }
    ExpectRefusedOrSame(bad, "round " + std::to_string(round));
  }
  EXPECT_GT(refused_, 100U);
}

}  // namespace
}  // namespace copper::profile

// postproc/README.md, tests/data/small_profile.h5 and the code say the same. COPPER_UPDATE_DATA=1 makes them anew.
#include "hdf5/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/sample_profile.h"

namespace copper::profile {
namespace {

namespace schema = hdf5::schema;

const std::string kRoot = COPPER_ROOT;

const char* TypeName(const std::string&) {
  return "text";
}
const char* TypeName(PathKind) {
  return "kind";
}
const char* TypeName(uint8_t) {
  return "uint8";
}
const char* TypeName(uint32_t) {
  return "uint32";
}
const char* TypeName(uint64_t) {
  return "uint64";
}
const char* TypeName(int64_t) {
  return "int64";
}

std::string Line(const std::string& name, const std::string& type, const std::string& unit,
                 const std::string& meaning) {
  return "| `" + name + "` | " + type + " | " + unit + " | " + meaning + " |\n";
}

std::string Line(const schema::Item& item, const std::string& type) {
  return Line(item.name, type, item.unit, item.meaning);
}

template <class Row>
std::string TableLines(const schema::Item& item) {
  std::string lines = Line(item, "table");
  Row row;
  schema::Columns(row, [&](const schema::Item& column, const auto& value) {
    lines += Line(column.name, TypeName(value), column.unit, column.meaning);
  });
  return lines;
}

std::string PathLines() {
  std::string lines = Line(schema::kPathBytes, "uint8 [bytes]") + Line(schema::kPathOffset, "uint64 [paths + 1]");
  PathUse use;
  schema::Columns(use, [&](const schema::Item& column, const auto& value) {
    const std::string type = std::string(TypeName(value)) + " [paths]";
    lines += Line(std::string(schema::kPathsGroup) + "/" + column.name, type, column.unit, column.meaning);
  });
  return lines;
}

std::string SchemaLines() {
  const std::string operations = std::to_string(kOperations);
  const std::string buckets = std::to_string(Latencies::kBuckets);
  return TableLines<schema::JobRow>(schema::kJob) + TableLines<RankUse>(schema::kRanks) +
         Line(schema::kMissing, "uint32 [ranks]") + TableLines<schema::OperationRow>(schema::kOperations) +
         Line(schema::kHistogram, "uint64 [" + operations + "][" + buckets + "]") +
         Line(schema::kBounds, "uint64 [" + buckets + "]") + TableLines<schema::EventRow>(schema::kEvents) +
         TableLines<TopPath>(schema::kTop[0]) + Line(schema::kTop[1], "table, likewise") +
         Line(schema::kTop[2], "table, likewise") + PathLines();
}

bool Update() {
  return std::getenv("COPPER_UPDATE_DATA") != nullptr;
}

TEST(Schema, StandsInTheReadme) {
  const std::string file = kRoot + "/postproc/README.md";
  std::string text = ReadWholeFile(file).value_or("");
  const std::string version = "schema version " + std::to_string(schema::kVersion);
  EXPECT_THAT(text, testing::HasSubstr(version));
  const std::string head = "| name | type | unit | meaning |\n|---|---|---|---|\n";
  const size_t begin = text.find(head);
  ASSERT_NE(begin, std::string::npos) << file << " has no table";
  const size_t end = text.find("\n\n", begin) + 1;
  if (Update()) {
    ASSERT_TRUE(WriteWholeFile(file, text.replace(begin, end - begin, head + SchemaLines())));
  } else {
    EXPECT_EQ(text.substr(begin, end - begin), head + SchemaLines());
  }
}

// A file that was written once is read by every Copper after it.
TEST(Schema, CheckedInFileIsTheSample) {
  const std::string file = kRoot + "/tests/data/small_profile.h5";
  if (Update()) {
    ASSERT_TRUE(WriteProfile(file, SampleProfile()));
  }
  const Result<Profile> read = ReadProfile(file);
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_TRUE(Same(*read, SampleProfile()));
}

}  // namespace
}  // namespace copper::profile

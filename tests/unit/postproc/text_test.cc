#include "text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fakes/sample_profile.h"

namespace copper::postproc {
namespace {

// As RFC 4180 has it, of one row.
std::vector<std::string> ParseCsvRow(const std::string& row) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < row.size(); ++i) {
    if (quoted && row[i] == '"' && i + 1 < row.size() && row[i + 1] == '"') {
      fields.back() += row[++i];
    } else if (row[i] == '"') {
      quoted = !quoted;
    } else if (row[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += row[i];
    }
  }
  EXPECT_FALSE(quoted) << row;
  return fields;
}

std::string AllBytes() {
  std::string bytes;
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);
  return bytes;
}

std::vector<std::string> Nasty() {
  std::vector<std::string> texts = NastyPaths();
  for (const char* text :
       {"", "\\n", "\\x41", "\\", "a\\\\nb", "\xc3\xa9t\xc3\xa9", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x80\xa8",
        "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80", "\xc2\x85", "cut off \xe2\x82", "`", "``|`", " "})
    texts.emplace_back(text);
  texts.push_back(AllBytes());
  return texts;
}

TEST(Text, IsEscapedSoThatItComesBack) {
  for (const std::string& text : Nasty()) EXPECT_EQ(Unescape(Escape(text)), text) << Escape(text);
}

TEST(Text, IsOneLineWhenEscaped) {
  for (const std::string& text : Nasty()) {
    const std::string escaped = Escape(text);
    EXPECT_TRUE(std::ranges::none_of(escaped, [](char c) {
      return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    })) << escaped;
    EXPECT_THAT(escaped, testing::Not(testing::HasSubstr("\xe2\x80\xa8"))) << "a line's end in Unicode";
  }
}

TEST(Text, KeepsWhatIsUtf8AndNothingElse) {
  EXPECT_EQ(Escape("/\xc3\xa9t\xc3\xa9/\xf0\x9f\x98\x80"), "/\xc3\xa9t\xc3\xa9/\xf0\x9f\x98\x80");
  EXPECT_EQ(Escape("\xff"), "\\xff");
  EXPECT_EQ(Escape("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(Escape("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(Escape("a\nb\\c"), "a\\nb\\\\c");
}

TEST(Text, SurvivesInCsv) {
  for (const std::string& text : Nasty()) {
    const std::string row = CsvRow({"1", text, "2"});
    const std::vector<std::string> fields = ParseCsvRow(row);
    ASSERT_EQ(fields.size(), 3U) << row;
    EXPECT_EQ(Unescape(fields[1]), text) << row;
  }
}

TEST(Text, DoesNotBreakAMarkdownRow) {
  for (const std::string& text : Nasty()) {
    const std::string row = MarkdownRow({MarkdownCode(text), "2"});
    size_t bars = 0;
    for (size_t i = 0; i < row.size(); ++i) bars += row[i] == '|' && (i == 0 || row[i - 1] != '\\') ? 1 : 0;
    EXPECT_EQ(bars, 3U) << row;
  }
}

TEST(Text, StandsAsCodeBetweenEnoughBackticks) {
  EXPECT_EQ(MarkdownCode("/a"), "`/a`");
  EXPECT_EQ(MarkdownCode("/a`b``c"), "``` /a`b``c ```");
  EXPECT_EQ(MarkdownCode("/a|b"), "`/a\\|b`");
}

TEST(Numbers, AreMadeForPeople) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(70'296'558), "67.04 MiB");
  EXPECT_EQ(Percent(1404, 20625), "6.81%");
  EXPECT_EQ(Percent(0, 0), "n/a");
}

}  // namespace
}  // namespace copper::postproc

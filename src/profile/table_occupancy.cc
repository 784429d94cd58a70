#include "copper/profile/table_occupancy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "copper/base/files.h"

namespace copper::profile {
namespace {

constexpr std::string_view kHeader = "rank host entries used_bytes budget_bytes";
constexpr size_t kFields = 5;

// A host is one word of the line, whatever it is called.
std::string Word(std::string host) {
  std::ranges::replace_if(host, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }, '?');
  return host.empty() ? "-" : host;
}

template <class Number>
bool ParseNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

std::optional<Occupancy> ParseRow(std::string_view line) {
  const std::vector<std::string_view> words = Words(line);
  if (words.size() != kFields) return std::nullopt;
  Occupancy row;
  const bool sum = words[0].starts_with('+');
  const bool who = sum ? ParseNumber(words[0].substr(1), row.ranks) : ParseNumber(words[0], row.rank);
  row.host = sum ? "" : words[1];
  const bool numbers =
      ParseNumber(words[2], row.entries) && ParseNumber(words[3], row.bytes) && ParseNumber(words[4], row.budget_bytes);
  if (!who || !numbers || row.ranks == 0) return std::nullopt;
  return row;
}

}  // namespace

std::string OccupancyFileName(Table table) {
  return std::string(Name(table)) + "_cache_size.output";
}

std::vector<Occupancy> OccupancyOf(Table table, std::span<const RankUse> ranks) {
  std::vector<Occupancy> rows;
  for (const RankUse& rank : ranks) {
    const TableUse& use = rank.tables[static_cast<size_t>(table)];
    rows.push_back({1, rank.rank, rank.host, use.entries, use.bytes, rank.budget_bytes});
  }
  return rows;
}

std::string FormatOccupancy(const std::vector<Occupancy>& rows) {
  std::string text = std::string(kHeader) + "\n";
  for (const Occupancy& row : rows) {
    text += row.ranks == 1 ? std::to_string(row.rank) + " " + Word(row.host) : "+" + std::to_string(row.ranks) + " -";
    for (const uint64_t number : {row.entries, row.bytes, row.budget_bytes}) text += " " + std::to_string(number);
    text += "\n";
  }
  return text;
}

Result<std::vector<Occupancy>> ParseOccupancy(std::string_view text) {
  if (text.empty()) return Fail(EBADMSG, "is empty");
  std::vector<Occupancy> rows;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return Fail(EBADMSG, "is cut off in line " + std::to_string(number));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (line != kHeader) return Fail(EBADMSG, "is no table occupancy of Copper");
      continue;
    }
    std::optional<Occupancy> row = ParseRow(line);
    if (!row) return Fail(EBADMSG, "makes no sense in line " + std::to_string(number));
    rows.push_back(std::move(*row));
  }
  return rows;
}

Status WriteOccupancy(const std::string& directory, std::span<const RankUse> ranks) {
  if (Status made = MakeDirectories(directory); !made) return made;
  for (const Table table : {Table::kData, Table::kTree, Table::kMetadata}) {
    const std::string file = directory + "/" + OccupancyFileName(table);
    if (Status written = WriteWholeFile(file, FormatOccupancy(OccupancyOf(table, ranks))); !written) return written;
  }
  return {};
}

}  // namespace copper::profile

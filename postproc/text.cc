#include "text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include "copper/base/log.h"

namespace copper::postproc {
namespace {

// Of the UTF-8 character that text begins with; 0 where it begins with none (RFC 3629: shortest form, no surrogates).
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && follows(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2, 0x80, 0xbf) && follows(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// U+0080 to U+009F, U+2028 and U+2029 end a line for some readers.
bool EndsLines(std::string_view character) {
  return (character.size() == 2 && character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0) ||
         character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

std::string EscapedByte(char c) {
  switch (c) {
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}

bool IsPlain(char c) {
  return static_cast<unsigned char>(c) >= ' ' && c != '\x7f' && c != '\\';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that the escape at the begin of `text` stands for, and its length; 0 where this is none.
std::pair<char, size_t> UnescapedByte(std::string_view text) {
  if (text.size() < 2) return {'\\', 0};
  if (const size_t known = std::string_view("\\nrt").find(text[1]); known != std::string_view::npos)
    return {"\\\n\r\t"[known], 2};
  if (text[1] != 'x' || text.size() < 4 || HexDigit(text[2]) < 0 || HexDigit(text[3]) < 0) return {'\\', 0};
  return {static_cast<char>(HexDigit(text[2]) * 16 + HexDigit(text[3])), 4};
}

size_t LongestRunOf(char wanted, std::string_view text) {
  size_t longest = 0;
  size_t run = 0;
  for (const char c : text) {
    run = c == wanted ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

std::string CsvField(std::string_view field) {
  std::string text = Escape(field);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    const bool plain = length == 1 ? IsPlain(text[0]) : length > 1 && !EndsLines(character);
    if (plain) {
      escaped += character;
    } else {
      for (const char c : character) escaped += EscapedByte(c);
    }
    text.remove_prefix(character.size());
  }
  return escaped;
}

std::string Unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto [byte, length] = text[0] == '\\' ? UnescapedByte(text) : std::pair(text[0], size_t{1});
    plain += byte;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return plain;
}

std::string CsvRow(const std::vector<std::string>& fields) {
  std::vector<std::string> quoted;
  std::ranges::transform(fields, std::back_inserter(quoted), CsvField);
  return Join(quoted, ",");
}

std::string MarkdownRow(const std::vector<std::string>& cells) {
  return "| " + Join(cells, " | ") + " |";
}

std::string MarkdownCode(std::string_view text) {
  std::string code;
  for (const char c : Escape(text)) code += c == '|' ? std::string("\\|") : std::string(1, c);
  const std::string fence(LongestRunOf('`', code) + 1, '`');
  const bool pad = fence.size() > 1 || code.empty() || code.starts_with(' ') || code.ends_with(' ');
  const std::string_view space = pad ? " " : "";
  return fmt::format("{0}{1}{2}{1}{0}", fence, space, code);
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", amount, kUnits[unit]);
}

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "n/a";
  return fmt::format("{:.2f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string Join(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : std::string(between)) + words[i];
  return text;
}

}  // namespace copper::postproc

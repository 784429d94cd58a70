#include "copper/base/size_text.h"

#include <cctype>
#include <charconv>
#include <iterator>
#include <map>
#include <system_error>

#include "copper/base/log.h"

namespace copper {

std::string SizeText(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return fmt::format("{:.{}f} {}", amount, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  if (text.empty()) return std::nullopt;
  static const std::map<char, unsigned> kShifts = {{'K', 10}, {'M', 20}, {'G', 30}};
  unsigned shift = 0;
  const auto suffix = kShifts.find(static_cast<char>(std::toupper(static_cast<unsigned char>(text.back()))));
  if (suffix != kShifts.end()) {
    shift = suffix->second;
    text.remove_suffix(1);
  }
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size() || number > (UINT64_MAX >> shift)) return std::nullopt;
  return number << shift;
}

}  // namespace copper

// What paths of the source are to each other, beside IsAtOrBelow.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "copper/base/path.h"

namespace copper::storage {

// What an absolute path is relative to the target; nullopt if it lies outside.
inline std::optional<std::string> RelativeTo(std::string_view target, std::string_view path) {
  if (!IsAtOrBelow(path, target)) return std::nullopt;
  if (target == "/") return std::string(path);
  const std::string_view rest = path.substr(target.size());
  return std::string(rest.empty() ? "/" : rest);
}

// Without slashes at the end or in a row.
inline std::string Clean(std::string_view path) {
  std::string clean;
  for (const char c : path) {
    if (c != '/' || !clean.ends_with('/')) clean += c;
  }
  if (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean;
}

// An order in which a directory is followed by everything below it: '/' before any other byte.
struct TreeOrder {
  bool operator()(std::string_view a, std::string_view b) const {
    return std::ranges::lexicographical_compare(a, b, {}, Weight, Weight);
  }
  static int Weight(char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; }
};

}  // namespace copper::storage

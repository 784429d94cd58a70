// The directories above paths that come in order.
#pragma once

#include <algorithm>
#include <string_view>

namespace copper::postproc {

// Calls `see` for each path that is above `path` and was not above `previous`, which came before it in order.
template <class See>
void ForEachNewAncestor(std::string_view previous, std::string_view path, See see) {
  const auto [differ, unused] = std::ranges::mismatch(previous, path);
  const auto common = static_cast<size_t>(differ - previous.begin());
  for (size_t slash = path.find('/', 1); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const bool seen = slash < common || (slash == common && previous.size() == common);
    if (!seen) see(path.substr(0, slash));
  }
}

}  // namespace copper::postproc

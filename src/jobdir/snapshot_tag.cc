#include "copper/jobdir/snapshot_tag.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <string_view>

namespace copper {
namespace {

constexpr size_t kLongestTag = 64;

}  // namespace

Status CheckSnapshotTag(const std::string& tag) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  const bool good = !tag.empty() && tag.size() <= kLongestTag && std::ranges::all_of(tag, allowed) &&
                    !std::string_view("._-").contains(tag.front());
  if (!good) {
    return Fail(EINVAL, "'" + tag + "' is no name for a snapshot: give up to 64 letters, digits, '.', '_' and '-'");
  }
  if (tag == "final" || tag == "cluster") return Fail(EINVAL, "'" + tag + "' is taken: give the snapshot another name");
  return {};
}

std::string SnapshotTagOfNow() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 40> text{};
  const size_t size = std::strftime(text.data(), text.size(), "snapshot-%Y%m%dT%H%M%SZ", &utc);
  return {text.data(), size};
}

}  // namespace copper

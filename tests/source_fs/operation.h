// What a file system can be asked, as the counters and faults name it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace copper::source_fs {

enum class Operation { kLookup, kGetattr, kReadlink, kOpen, kRead, kOpendir, kReaddir, kLseek, kStatfs };

inline constexpr std::array<std::string_view, 9> kOperationNames = {"lookup",  "getattr", "readlink", "open",  "read",
                                                                    "opendir", "readdir", "lseek",    "statfs"};

inline std::string_view NameOf(Operation operation) {
  return kOperationNames[static_cast<size_t>(operation)];
}

inline std::optional<Operation> OperationNamed(std::string_view name) {
  for (size_t i = 0; i < kOperationNames.size(); ++i) {
    if (kOperationNames[i] == name) return static_cast<Operation>(i);
  }
  return std::nullopt;
}

}  // namespace copper::source_fs

// What the ranks tell each other of their mounts: digests that are equal where the mounts are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/storage/file_systems.h"

namespace copper::storage {

uint64_t NetworkDigest(const Mount& mount);  // 0 if it is no network file system
uint64_t MachineDigest(const Mount& mount, std::string_view boot_id);

// The digests that are in every rank's message, sorted.
std::vector<uint64_t> CommonDigests(std::span<const std::string> digests);

}  // namespace copper::storage

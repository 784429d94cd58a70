#pragma once

#include <cstddef>

namespace copper {

// Chunks are what is fetched, cached and sent: byte i of a file lies in chunk i / kChunkSize. 1 MiB: larger messages
// are slower per byte over TCP, smaller ones cost more requests.
inline constexpr size_t kChunkSize = size_t{1} << 20;

}  // namespace copper

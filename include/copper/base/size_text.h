#pragma once

#include <cstdint>
#include <string>

namespace copper {

// A number of bytes for people: "512 B", "1.0 MiB".
std::string SizeText(uint64_t bytes);

}  // namespace copper

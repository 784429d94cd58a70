// Numbers of bytes as text, for people and from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace copper {

// "512 B", "1.0 MiB".
std::string SizeText(uint64_t bytes);

// "64K" -> 65536; K, M and G, small or capital. nullopt for what is no size, or does not fit.
std::optional<uint64_t> ParseSize(std::string_view text);

}  // namespace copper

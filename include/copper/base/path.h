// Paths of the source, as text.
#pragma once

#include <string>
#include <string_view>

namespace copper {

// Paths inside Copper are relative to the target, begin with '/' and have no '/' at the end; the target itself is "/".
std::string JoinPath(std::string_view directory, std::string_view name);
std::string_view ParentPath(std::string_view path);  // of "/": "/"
std::string_view BaseName(std::string_view path);    // of "/": ""
// By whole components: /tmp/mnt3-data is not below /tmp/mnt3.
bool IsAtOrBelow(std::string_view path, std::string_view top);

}  // namespace copper

// Small whole files and directories, with messages that name them.
#pragma once

#include <string>
#include <string_view>

#include "copper/base/result.h"

namespace copper {

Result<std::string> ReadWholeFile(const std::string& path);
// Through a temporary name and a rename: a reader never sees half a file.
Status WriteWholeFile(const std::string& path, std::string_view content, unsigned mode = 0644);
// mkdir -p; EEXIST is success only for a directory.
Status MakeDirectories(const std::string& path, unsigned mode = 0755);

}  // namespace copper

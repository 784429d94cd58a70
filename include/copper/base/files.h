// Small whole files and directories, with messages that name them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "copper/base/result.h"

namespace copper {

// What a person names may be anything: ENODEV for what is no file (a device, a pipe), which may never end, and is not
// waited for; EFBIG beyond `most` bytes.
inline constexpr size_t kMostOfWholeFile = size_t{256} << 20;
Result<std::string> ReadWholeFile(const std::string& path, size_t most = kMostOfWholeFile);
// Through a temporary name and a rename: a reader never sees half a file.
Status WriteWholeFile(const std::string& path, std::string_view content, unsigned mode = 0644);
// EEXIST where there is something of this name.
Status MakeEmptyFile(const std::string& path);
// mkdir -p; EEXIST is success only for a directory.
Status MakeDirectories(const std::string& path, unsigned mode = 0755);

}  // namespace copper

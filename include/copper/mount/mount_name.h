// What a user may call a mount point. The names of a job's mounts differ by placeholders: %r is the rank, %h the host's
// short name, %% a percent sign. Pure functions of text.
#pragma once

#include <string>

#include "copper/base/ids.h"
#include "copper/base/result.h"

namespace copper::mount {

// What follows each '%' must be known: a typing error would give all ranks one mount point. EINVAL, with a message that
// begins with `given`, the option and its value.
Status CheckPlaceholders(const std::string& given, const std::string& mount);

std::string ExpandMount(const std::string& mount, Rank rank, const std::string& host);

// Whether a mount point (expanded, or not) leaves the target and the job directory, absolute paths both, in sight.
// EINVAL.
Status CheckPlaces(const std::string& mount, const std::string& target, const std::string& job_directory);

}  // namespace copper::mount

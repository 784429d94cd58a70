// From Copper's attributes and times to the kernel's.
#pragma once

#include <sys/stat.h>

#include "copper/base/clock.h"
#include "copper/names/attributes.h"

namespace copper::fuse {

// How long the kernel may believe what is true until `valid_until`, in seconds; never negative. kNever is ten years:
// the kernel's own arithmetic (jiffies) is then far from its limits.
double Timeout(TimePoint valid_until, TimePoint now);

struct stat ToStat(const Attributes& attributes, uint64_t inode_number);

}  // namespace copper::fuse

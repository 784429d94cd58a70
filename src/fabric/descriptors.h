// How many descriptors this process has open.
#pragma once

#include <cstddef>

namespace copper::fabric {

// 0 where that can't be told.
size_t CountDescriptors();

}  // namespace copper::fabric

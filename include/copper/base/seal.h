// What whoever read something from the source says of it: 16 bytes that only a rank of this job can make, and that fit
// these bytes alone (copper/wire/keys.h makes and checks them). A seal travels and is kept beside what it is of.
#pragma once

#include <array>
#include <cstddef>

namespace copper {

using Seal = std::array<std::byte, 16>;

}  // namespace copper

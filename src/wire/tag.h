// The tag of a message: SipHash-2-4 with 128 bits of output (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast
// short-input PRF", 2012), keyed with a subkey of the job key. Fast on short input, which is what lies under a tag.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "copper/base/ids.h"

namespace copper::wire {

inline constexpr size_t kTagSize = 16;
using Tag = std::array<std::byte, kTagSize>;

// Over `head` and `payload`, one after the other. `head` has a fixed size and holds the payload's, so that no two
// different messages run together into the same bytes.
Tag ComputeTag(std::span<const std::byte> head, std::span<const std::byte> payload, const JobKey& key);

// In constant time: how long it takes tells a forger nothing.
bool SameTag(std::span<const std::byte, kTagSize> a, std::span<const std::byte, kTagSize> b);

}  // namespace copper::wire

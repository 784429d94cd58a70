// What daemon and mounter say to each other over their socket pair: one process image, so plain structures do.
#pragma once

#include <climits>
#include <cstdint>

namespace copper::fuse {

enum class MounterVerb : uint32_t { kMount, kUnmount, kRaiseReadAhead, kFarewell };

struct MounterRequest {
  uint32_t sequence = 0;
  MounterVerb verb = MounterVerb::kMount;
  uint32_t allow_other = 0;
  uint32_t read_ahead_kb = 0;
  char source[256] = {};
  char point[PATH_MAX] = {};
};

// The reply to a successful mount carries the connection's descriptor.
struct MounterReply {
  uint32_t sequence = 0;
  int32_t error = 0;
  char message[2048] = {};
};

}  // namespace copper::fuse

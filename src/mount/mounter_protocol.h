// What daemon and mounter say to each other over their socket pair: one process image, so plain structures do.
#pragma once

#include <climits>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace copper::mount {

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
  uint32_t made = 0;  // of a mount: how many directories were made for it, the mount point and those above it
  char message[2048] = {};
};

// What came as one message; none: it is no such thing. Its texts end.
inline std::optional<MounterRequest> TakeMounterRequest(std::span<const std::byte> message) {
  MounterRequest request;
  if (message.size() != sizeof request) return std::nullopt;
  std::memcpy(&request, message.data(), sizeof request);
  const bool texts_end = std::memchr(request.source, 0, sizeof request.source) != nullptr &&
                         std::memchr(request.point, 0, sizeof request.point) != nullptr;
  if (!texts_end || request.verb > MounterVerb::kFarewell) return std::nullopt;
  return request;
}
inline std::optional<MounterReply> TakeMounterReply(std::span<const std::byte> message) {
  MounterReply reply;
  if (message.size() != sizeof reply) return std::nullopt;
  std::memcpy(&reply, message.data(), sizeof reply);
  if (std::memchr(reply.message, 0, sizeof reply.message) == nullptr) return std::nullopt;
  return reply;
}

}  // namespace copper::mount

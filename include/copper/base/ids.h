// Who is who: ranks, trees, the job, and the host.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "copper/base/result.h"

namespace copper {

using Rank = uint32_t;    // position in MPI_COMM_WORLD
using TreeId = uint32_t;  // 0 .. trees-1

using JobId = std::array<std::byte, 16>;

// Wiped by its destructor, so that no copy outlives its use.
struct JobKey : std::array<std::byte, 32> {
  ~JobKey();
};

// Made by rank 0, handed out over MPI, never written anywhere.
struct JobIdentity {
  JobId id{};
  JobKey key{};

  static Result<JobIdentity> Random();  // getrandom(2)
};

std::string ToHex(const JobId& id);

std::string ShortHost();

// Of this process: "net", "pid", ... as "pid:[4026531836]"; empty if that is not known. Processes that share it see the
// same network, the same numbers of processes, ...
std::string Namespace(const std::string& kind);  // gethostname, up to the first dot

}  // namespace copper

#include <algorithm>
#include <array>
#include <cstring>

#include "copper/base/files.h"
#include "copper/base/json.h"
#include "copper/bootstrap/members.h"

namespace copper::bootstrap {
namespace {

using Phases = std::array<int64_t, 4>;
constexpr const char* kPhaseNames[] = {"mpi", "fabric", "mount", "serving"};

std::vector<Phases> GatherTimings(World& world, const StartTimings& mine) {
  const Phases phases = {mine.mpi_us, mine.fabric_us, mine.mount_us, mine.serving_us};
  std::string encoded(sizeof phases, '\0');
  std::memcpy(encoded.data(), phases.data(), sizeof phases);
  std::vector<Phases> all;
  for (const std::string& other : world.AllGather(encoded)) {
    Phases decoded{};
    std::memcpy(decoded.data(), other.data(), std::min(sizeof decoded, other.size()));
    all.push_back(decoded);
  }
  return all;
}

Json Summarize(const std::vector<Phases>& all, size_t phase) {
  std::vector<int64_t> times;
  for (const Phases& phases : all) times.push_back(phases[phase]);
  std::ranges::sort(times);
  return {{"min", times.front()}, {"median", times[times.size() / 2]}, {"max", times.back()}};
}

// Names of hosts and paths need not be UTF-8: what is not is shown by a replacement character.
std::string Print(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Status AnnounceReady(World& world, const JobDirectory& job, std::span<const Member> members,
                     std::span<const PeerAddress> peers, const JobId& id, const StartTimings& mine) {
  const std::vector<Phases> timings = GatherTimings(world, mine);
  if (world.rank() != 0) return {};
  Json ready = {{"job", ToHex(id)}, {"version", COPPER_VERSION}, {"ranks", world.size()}};
  for (const char* list : {"hosts", "pids", "addresses", "mounts"}) ready[list] = Json::array();
  for (size_t rank = 0; rank < members.size(); ++rank) {
    ready["hosts"].push_back(members[rank].host);
    ready["pids"].push_back(members[rank].pid);
    ready["addresses"].push_back(peers[rank].text);
    ready["mounts"].push_back(members[rank].mount_point);
  }
  for (size_t phase = 0; phase < std::size(kPhaseNames); ++phase) {
    ready["timings_us"][kPhaseNames[phase]] = Summarize(timings, phase);
  }
  return WriteWholeFile(job.ready_file(), Print(ready));
}

}  // namespace copper::bootstrap

#include <algorithm>
#include <cstring>
#include <utility>

#include "copper/base/files.h"
#include "copper/bootstrap/members.h"
#include "copper/jobdir/json.h"

namespace copper::bootstrap {
namespace {

constexpr std::pair<const char*, int64_t StartTimings::*> kPhases[] = {{"mpi", &StartTimings::mpi_us},
                                                                       {"fabric", &StartTimings::fabric_us},
                                                                       {"mount", &StartTimings::mount_us},
                                                                       {"serving", &StartTimings::serving_us}};

Json Summarize(std::span<const StartTimings> all, int64_t StartTimings::* phase) {
  std::vector<int64_t> times;
  for (const StartTimings& timings : all) times.push_back(timings.*phase);
  std::ranges::sort(times);
  return {{"min", times.front()}, {"median", times[times.size() / 2]}, {"max", times.back()}};
}

// Names of hosts and paths need not be UTF-8: what is not is shown by a replacement character.
std::string Print(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::vector<StartTimings> GatherTimings(World& world, const StartTimings& mine) {
  std::string encoded(sizeof mine, '\0');
  std::memcpy(encoded.data(), &mine, sizeof mine);
  std::vector<StartTimings> all;
  for (const std::string& other : world.AllGather(encoded)) {
    StartTimings decoded;
    std::memcpy(&decoded, other.data(), std::min(sizeof decoded, other.size()));
    all.push_back(decoded);
  }
  return all;
}

Status WriteReadyFile(const JobDirectory& job, std::span<const Member> members,
                      std::span<const MemberAddress> addresses, const JobId& id,
                      std::span<const StartTimings> timings) {
  Json ready = {{"job", ToHex(id)},
                {"version", COPPER_VERSION},
                {"directory", job.root()},
                {"ranks", members.size()},
                {"pid_namespace", Namespace("pid")}};
  for (const char* list : {"hosts", "pids", "addresses", "mounts"}) ready[list] = Json::array();
  for (size_t rank = 0; rank < members.size(); ++rank) {
    ready["hosts"].push_back(members[rank].host);
    ready["pids"].push_back(members[rank].pid);
    ready["addresses"].push_back(addresses[rank].text);
    ready["mounts"].push_back(members[rank].mount_point);
  }
  for (const auto& [name, phase] : kPhases) ready["timings_us"][name] = Summarize(timings, phase);
  return WriteWholeFile(job.ready_file(), Print(ready));
}

}  // namespace copper::bootstrap

// What `copper status` and `.copper/status.json` show, and how the statuses of many ranks become one.
//
// clang-format off
// Of a rank: {"rank": 0, "host": .., "pid": .., "address": .., "uptime_s": .., "mounted": true,
//   "requests": {"total": .., "lookup": ..}, "events": {..},
//   "cache": {"metadata": {"entries": .., "bytes": ..}, "tree": .., "data": ..,
//             "budget": {"limit_bytes": .., "held_bytes": .., "evictions": ..}},
//   "channel": {..}, "tree": {"parent": .., "children": [..], "depth": ..}, "memory": {"rss_bytes": ..}}
// Of a job: {"ranks": [status of each],
//   "totals": {"ranks": n, "mounted": n, "unreachable": [ranks],
//              "requests": {..}, "events": {..}, "cache": {..}, "channel": {..}, "memory": {..}}}
// clang-format on
// What does not fit into one message (1 MiB, some 500 ranks) keeps its totals and loses "ranks"; "ranks_left_out"
// counts them then.
#pragma once

#include <cstdint>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/fetch/fetcher.h"
#include "copper/jobdir/json.h"
#include "copper/profile/counters.h"
#include "copper/profile/profile.h"
#include "copper/rpc/channel.h"
#include "copper/tree/forest.h"

namespace copper::job {

struct RankIdentity {
  Rank rank = 0;
  std::string host;
  int pid = 0;
  std::string address;
  std::string provider;
  std::string mount;
  std::string job;  // hex id
  std::string job_directory;
};

struct RankState {
  Duration uptime{};
  bool mounted = false;
  uint64_t resident_bytes = 0;  // ResidentBytes()
};

// All of these may be called by any thread.
Json CacheJson(const profile::CacheUse& cache);
Json RankStatus(const RankIdentity& who, const RankState& state, const profile::Counters& counters,
                const profile::CacheUse& cache, const rpc::ChannelCounters& channel, const tree::Forest& forest);
// What has waited for long, longest first; at most kMostWaits are told of, of a rank as of a job.
inline constexpr size_t kMostWaits = 8;
Json WaitsJson(Rank rank, const std::vector<fetch::Fetcher::LongWait>& waits);
uint64_t ResidentBytes();  // of this process

// A job's status that holds no rank's, and one that holds one rank's.
Json EmptyStatus();
Json MergedStatus(Json rank_status);
// Adds another part of the job.
void MergeStatus(Json& into, const Json& other);
// Adds a rank that did not answer.
void MergeUnreachable(Json& into, Rank rank);

// As the payload of a message: at most rpc::kMaxPayload bytes.
Bytes EncodeStatus(Json status);
// EBADMSG where it is no job's status.
Result<Json> DecodeStatus(const Bytes& payload);

}  // namespace copper::job

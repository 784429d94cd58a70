// The ranks of a job as all of them know it after the Allgather, and the files that rank 0 writes about them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/ids.h"
#include "copper/base/result.h"
#include "copper/bootstrap/world.h"
#include "copper/fabric/endpoint.h"
#include "copper/jobdir/job_directory.h"
#include "copper/profile/profile.h"

namespace copper::bootstrap {

// What is known of a rank before its endpoint exists.
struct Member {
  std::string host;  // short name
  int32_t pid = 0;
  std::string boot_id;
  std::string mount_point;
  std::string mount_digest;  // storage::EncodeMountDigest
  std::string network;       // NetworkId
};

// For the way between ranks: every field with its length before it, as strings may hold any byte. EBADMSG.
std::string EncodeMember(const Member& member);
Result<Member> DecodeMember(std::string_view encoded);

std::string BootId();     // /proc/sys/kernel/random/boot_id
std::string NetworkId();  // of the network namespace of this process

Result<std::vector<Member>> ExchangeMembers(World& world, const Member& mine);
// One machine, and one network namespace of it: the ranks reach each other over loopback.
bool OneNetwork(std::span<const Member> members);
// Two ranks of one machine with one mount point: EINVAL, with both named.
Status CheckMountPoints(std::span<const Member> members);

// Rank 0 makes id and key; all have them. EIO where it can't.
Result<JobIdentity> ShareIdentity(World& world,
                                  const std::function<Result<JobIdentity>()>& make = &JobIdentity::Random);

struct MemberAddress {
  fabric::Address address;
  std::string text;  // for the address book
};
Result<std::vector<MemberAddress>> ExchangeAddresses(World& world, const MemberAddress& mine);

using profile::StartTimings;
// Collective: those of all ranks.
std::vector<StartTimings> GatherTimings(World& world, const StartTimings& mine);

// For rank 0 alone, once every rank serves: writes logs/ready.json.
//
// {"job": hex, "version": "0.1.0", "directory": JOBDIR, "ranks": n, "pid_namespace": rank 0's, "hosts": [...], "pids":
// [...], "addresses": [...], "mounts": [...],
//  "timings_us": {"mpi": {"min": .., "median": .., "max": ..}, "fabric": .., "mount": .., "serving": ..}}
Status WriteReadyFile(const JobDirectory& job, std::span<const Member> members,
                      std::span<const MemberAddress> addresses, const JobId& id, std::span<const StartTimings> timings);

}  // namespace copper::bootstrap

#include "copper/bootstrap/members.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "bootstrap/messages.h"
#include "copper/base/files.h"
#include "copper/base/secret.h"

namespace copper::bootstrap {
namespace {

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string BootId() {
  std::string id = ReadWholeFile("/proc/sys/kernel/random/boot_id").value_or("");
  while (id.ends_with('\n')) id.pop_back();
  return id;
}

std::string NetworkId() {
  return Namespace("net");
}

Result<std::vector<Member>> ExchangeMembers(World& world, const Member& mine) {
  std::vector<Member> members;
  for (const std::string& encoded : world.AllGather(EncodeMember(mine))) {
    Result<Member> member = DecodeMember(encoded);
    if (!member) return std::unexpected(member.error());
    members.push_back(std::move(*member));
  }
  return members;
}

bool OneNetwork(std::span<const Member> members) {
  return std::ranges::all_of(members, [&](const Member& member) {
    return !member.boot_id.empty() && member.boot_id == members.front().boot_id &&
           member.network == members.front().network;
  });
}

Status CheckMountPoints(std::span<const Member> members) {
  std::map<std::pair<std::string_view, std::string_view>, size_t> taken;
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const Member& member = members[rank];
    const auto [other, added] = taken.try_emplace({member.boot_id, member.mount_point}, rank);
    if (added) continue;
    return Fail(EINVAL, "ranks " + std::to_string(other->second) + " and " + std::to_string(rank) +
                            " are both on host " + member.host + " and would both mount at " + member.mount_point +
                            ": put %r into --mount, or start one rank per node");
  }
  return {};
}

Result<JobIdentity> ShareIdentity(World& world, const std::function<Result<JobIdentity>()>& make) {
  std::string shared;
  if (world.rank() == 0) {
    if (const Result<JobIdentity> made = make()) {
      shared = std::string(AsText(made->id)) + std::string(AsText(made->key));
    }
  }
  shared = world.Broadcast(0, shared);
  JobIdentity identity;
  if (shared.size() != identity.id.size() + identity.key.size()) {
    return Fail(EIO, "cannot get random bytes from the kernel of rank 0");
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(shared.data());
  std::copy_n(bytes, identity.id.size(), identity.id.begin());
  std::copy_n(bytes + identity.id.size(), identity.key.size(), identity.key.begin());
  Wipe(shared.data(), shared.size());
  return identity;
}

Result<std::vector<MemberAddress>> ExchangeAddresses(World& world, const MemberAddress& mine) {
  std::vector<MemberAddress> addresses;
  for (const std::string& encoded : world.AllGather(EncodeMemberAddress(mine))) {
    Result<MemberAddress> address = DecodeMemberAddress(encoded);
    if (!address) return std::unexpected(address.error());
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

}  // namespace copper::bootstrap

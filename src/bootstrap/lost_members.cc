#include "copper/bootstrap/lost_members.h"

#include <unistd.h>

#include <functional>
#include <string_view>

#include "copper/base/log.h"
#include "copper/base/mount_info.h"
#include "copper/base/process_stat.h"

namespace copper::bootstrap {
namespace {

bool IsAlive(int pid) {
  const Result<ProcessStat> found = ReadProcessStat(pid);
  return found && !found->IsCorpse();
}

LeftMounts LookOnce(const std::set<Rank>& lost, std::span<const Member> members, const Member& here,
                    const JobDirectory& job) {
  LeftMounts left;
  for (const Rank rank : lost) {
    const Member& member = members[rank];
    if (access(job.unmounted_file(member.host, member.pid).c_str(), F_OK) == 0) continue;
    if (member.host != here.host || member.boot_id != here.boot_id) {
      left.unknown.insert(rank);
    } else if (OwnMountAt(member.mount_point)) {
      (IsAlive(member.pid) ? left.frozen : left.dead).insert(rank);
    }
  }
  return left;
}

// `first` before the first rank, and `next` before each other; at most so many are named, by `name`.
std::string List(std::string_view first, std::string_view next, const std::set<Rank>& ranks,
                 std::span<const Member> members, const std::function<std::string(Rank, const Member&)>& name) {
  constexpr size_t kMost = 8;
  std::string text;
  size_t named = 0;
  for (const Rank rank : ranks) {
    if (++named > kMost) return text + fmt::format(" and {} more", ranks.size() - kMost);
    text += fmt::format("{} {}", named == 1 ? first : next, name(rank, members[rank]));
  }
  return text;
}

std::string ListMounts(std::string_view what, const std::set<Rank>& ranks, std::span<const Member> members,
                       bool may_continue) {
  return List(what, ";", ranks, members, [may_continue](Rank rank, const Member& member) {
    return fmt::format("{0} on {1} (rank {2}): {3}fusermount3 -uz {0}", member.mount_point, member.host, rank,
                       may_continue ? fmt::format("kill -CONT {}, or ", member.pid) : "");
  });
}

}  // namespace

std::string NameLost(const std::set<Rank>& lost, std::span<const Member> members) {
  return List(", without", ",", lost, members, [](Rank rank, const Member& member) {
    return fmt::format("rank {} ({}, process {})", rank, member.host, member.pid);
  });
}

LeftMounts LookForMounts(const std::set<Rank>& lost, std::span<const Member> members, const Member& here,
                         const JobDirectory& job, const Clock& clock, Duration patience) {
  const TimePoint deadline = clock.Now() + patience;
  while (true) {
    LeftMounts left = LookOnce(lost, members, here, job);
    const bool may_go = !left.dead.empty() || !left.unknown.empty();
    if (!may_go || clock.Now() >= deadline) return left;
    PauseBetweenLooks();
  }
}

std::string Describe(const LeftMounts& left, std::span<const Member> members) {
  return ListMounts("; still mounted, though dead:", left.dead, members, /*may_continue=*/false) +
         ListMounts("; still mounted, though frozen:", left.frozen, members, /*may_continue=*/true) +
         ListMounts("; may still be mounted, since nobody there has said that it is gone:", left.unknown, members,
                    /*may_continue=*/true);
}

}  // namespace copper::bootstrap

// What a refresh, or a listing that was renewed, takes back from the kernel.
//
// Absent names go by name. Names of what is there are suspect until they have been looked at again (recheck.h): what is
// the same stays the same node, with its pages. What is not is found as another node; whoever has the old one open
// keeps it, with the pages it has: it is not invalidated, since a page that a running program has mapped could not be
// had again if the file changed. A directory, if it is not another one in its place, stays the same node, and is looked
// at and listed again.
#include <algorithm>

#include "copper/base/path.h"
#include "handlers.h"
#include "recheck.h"

namespace copper::fuse {
namespace {

// Of the FUSE protocol, 7.N.
constexpr uint32_t kExpiresSince = 38;
constexpr uint32_t kPrunesSince = 45;

}  // namespace

void Handlers::OnGreeting(const fuse_conn_info& connection) {
  const uint32_t most = parts_.most_protocol_minor;
  Notifier::Abilities abilities;
  abilities.expires = (connection.capable & FUSE_CAP_EXPIRE_ONLY) != 0 && most >= kExpiresSince;
  abilities.prunes = std::min(connection.proto_minor, most) >= kPrunesSince;
  parts_.notifier->SetAbilities(abilities);
  parts_.inodes.SetMode(abilities.prunes    ? InodeTable::Mode::kPruned
                        : abilities.expires ? InodeTable::Mode::kExpired
                                            : InodeTable::Mode::kAsked);
}

// A new name is told where the kernel has it as absent. No other: it may be in use already, by whoever's lookup it was
// that brought the new listing.
void Handlers::OnDirectoryChanged(const std::string& path, const std::vector<std::string>& added) {
  const NodePtr directory = parts_.inodes.FindDirectory(path);
  if (!directory) return;  // the kernel knows nothing of it
  directory->Expire();
  parts_.streamed.Outdate(*directory);
  for (const std::string& name : added) {
    const std::string new_path = JoinPath(path, name);
    if (const auto until = parts_.absent.TakeOne(new_path)) TakeBackAbsent(directory->id(), new_path, *until);
  }
  parts_.notifier->InvalidateInode(directory->id());
}

void Handlers::OnDirectoryReplaced(const std::string& path, const Attributes& now) {
  const NodePtr directory = parts_.inodes.FindDirectory(path);
  if (directory && !directory->Matches(now)) TakeBackReplaced(*directory);
}

void Handlers::OnRefreshed(const std::string& path, fetch::Told told) {
  const Notifier::Purpose purpose = parts_.notifier->WhenToldWhatCanBe(std::move(told));
  const std::vector<NodePtr> suspects = parts_.inodes.Suspect(path);
  for (const auto& [absent, until] : parts_.absent.Take(path)) {
    const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(absent)));
    if (parent) TakeBackAbsent(parent->id(), absent, until, purpose);
  }
  // The directory that names it; the root is its own.
  if (const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(path))))
    TakeBackListings(*parent, purpose);
  TakeBack(suspects, purpose);
}

void Handlers::TakeBackName(uint64_t directory, std::string name, std::move_only_function<bool()> is_still,
                            const Notifier::Purpose& purpose) const {
  if (parts_.notifier->abilities().expires) return parts_.notifier->ExpireName(directory, std::move(name), purpose);
  auto if_still = [directory, is_still = std::move(is_still)]() mutable {
    return is_still() ? std::optional(directory) : std::nullopt;
  };
  parts_.notifier->InvalidateName(std::move(if_still), directory, std::move(name), purpose);
}

// When its time is over the kernel looks it up by itself.
void Handlers::TakeBackAbsent(uint64_t directory, const std::string& path, TimePoint until,
                              const Notifier::Purpose& purpose) const {
  auto is_still = [until, &clock = parts_.clock] { return until > clock.Now(); };
  TakeBackName(directory, std::string(BaseName(path)), is_still, purpose);
}

// Once a lookup has found the other one there is nothing more to tell.
void Handlers::TakeBackReplaced(Node& directory) const {
  directory.Expire();
  auto is_still = [&inodes = parts_.inodes, path = directory.path(), id = directory.id()] {
    const NodePtr found = inodes.FindDirectory(path);
    return found && found->id() == id;
  };
  const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(directory.path())));
  if (parent && is_still()) TakeBackName(parent->id(), std::string(BaseName(directory.path())), is_still);
}

void Handlers::TakeBack(std::vector<NodePtr> suspects, const Notifier::Purpose& purpose) const {
  for (const NodePtr& node : suspects) {
    if (node->IsDirectory()) TakeBackListings(*node, purpose);
  }
  const TimePoint until = parts_.clock.Now() + Server::kMostRechecking;
  const Recheck::Parts parts{parts_.fetcher, parts_.clock, parts_.inodes, parts_.notifier};
  std::make_shared<Recheck>(parts, std::move(suspects), until, purpose)->Begin();
}

void Handlers::TakeBackListings(Node& directory, const Notifier::Purpose& purpose) const {
  directory.Expire();
  parts_.streamed.Outdate(directory);
  parts_.notifier->InvalidateInode(directory.id(), purpose);
}

}  // namespace copper::fuse

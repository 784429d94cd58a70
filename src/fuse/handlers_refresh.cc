// What a refresh takes back from the kernel.
//
// Files, symlinks and absent names go by name: the next lookup finds another node. Whoever has the old one open keeps
// it, with the pages it has; it is not invalidated, since a page that a running program has mapped could not be had
// again if the file changed. Directories stay what they are, and are looked at again.
#include <algorithm>

#include "handlers.h"

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
}

// A new name is told where the kernel has it as absent. No other: it may be in use already, by whoever's lookup it was
// that brought the new listing. Where names can't be expired this one's own absence may be over, too, and it be in use.
void Handlers::OnDirectoryChanged(const std::string& path, const std::vector<std::string>& added) {
  const NodePtr directory = parts_.inodes.FindDirectory(path);
  if (!directory) return;  // the kernel knows nothing of it
  directory->Expire();
  parts_.streamed.Drop(directory->id());
  const TimePoint now = parts_.clock.Now();
  for (const std::string& name : added) {
    const auto until = parts_.absent.TakeOne(JoinPath(path, name));
    if (until && (parts_.notifier->abilities().expires || *until > now)) TakeBackAbsent(directory->id(), name);
  }
  parts_.notifier->InvalidateInode(directory->id());
}

void Handlers::OnRefreshed(const std::string& path, std::move_only_function<void()> told) {
  ++refreshes_;  // before the look at what is known: answers from now on are taken back by whoever sends them
  const std::vector<NodePtr> nodes = parts_.inodes.Renew(path);
  for (const NodePtr& node : nodes) {
    if (!node->IsDirectory()) TakeBackName(node->path());
  }
  for (const std::string& absent : parts_.absent.Take(path)) TakeBackName(absent);
  for (const NodePtr& node : nodes) {
    if (node->IsDirectory()) TakeBackDirectory(*node);
  }
  // The directory that names it; the root is its own.
  if (const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(path)))) TakeBackListings(*parent);
  parts_.notifier->Then(std::move(told));
}

void Handlers::TakeBackAbsent(uint64_t directory, const std::string& name) const {
  if (parts_.notifier->abilities().expires) return parts_.notifier->ExpireName(directory, name);
  parts_.notifier->InvalidateName(directory, name);
}

void Handlers::TakeBackName(const std::string& path) const {
  const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(path)));
  if (parent) parts_.notifier->InvalidateName(parent->id(), std::string(BaseName(path)));
}

void Handlers::TakeBackDirectory(Node& directory) const {
  const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(directory.path())));
  if (parent && directory.id() != kRootId) {
    parts_.notifier->ExpireName(parent->id(), std::string(BaseName(directory.path())));
  }
  TakeBackListings(directory);
}

void Handlers::TakeBackListings(Node& directory) const {
  directory.Expire();
  parts_.streamed.Drop(directory.id());
  parts_.notifier->InvalidateInode(directory.id());
}

void Handlers::TakeBack(const std::string& path) const {
  if (const NodePtr directory = parts_.inodes.FindDirectory(path)) return TakeBackDirectory(*directory);
  TakeBackName(path);
}

}  // namespace copper::fuse

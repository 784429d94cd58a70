// What a refresh takes back from the kernel.
//
// Files, symlinks and absent names go by name: the next lookup finds another node. Whoever has the old one open keeps
// it, with the pages it has; it is not invalidated, since a page that a running program has mapped could not be had
// again if the file changed. Directories stay what they are, and are looked at again.
#include "handlers.h"

namespace copper::fuse {

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
  directory.ExpireStreams();
  parts_.notifier->InvalidateInode(directory.id());
}

void Handlers::TakeBack(const std::string& path) const {
  if (const NodePtr directory = parts_.inodes.FindDirectory(path)) return TakeBackDirectory(*directory);
  TakeBackName(path);
}

}  // namespace copper::fuse

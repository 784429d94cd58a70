#include "pruner.h"

#include <utility>

namespace copper::fuse {

void Pruner::Relieve() {
  if (!inodes_.IsOver()) return;
  if (notifier_->abilities().prunes) return PruneOldest();
  if (in_use_ && clock_.Now() >= look_next_.load() && !looking_.exchange(true)) BeginLook();
}

void Pruner::PruneOldest() {
  std::vector<uint64_t> ids;
  for (const NodePtr& node : inodes_.TakeOldest()) ids.push_back(node->id());
  if (!ids.empty()) notifier_->Prune(std::move(ids));
}

void Pruner::BeginLook() {
  oldest_ = inodes_.TakeOldest();
  if (notifier_->abilities().expires) {
    for (const NodePtr& node : oldest_) {
      const NodePtr parent = inodes_.FindDirectory(std::string(ParentPath(node->path())));
      if (parent) notifier_->ExpireName(parent->id(), std::string(BaseName(node->path())));
    }
  }
  notifier_->Then([this] { thread_.Submit([this] { DropUnused(); }); });
}

// A look takes no more than a third of a core, however many nodes come.
void Pruner::DropUnused() {
  const TimePoint began = clock_.Now();
  const auto seen = oldest_.empty() ? std::nullopt : in_use_->Look();
  for (NodePtr& node : std::exchange(oldest_, {})) {
    if (!seen || seen->numbers.contains(node->number()) || seen->paths.contains(node->path())) continue;
    const auto directory = inodes_.LetGo(node);
    if (directory) notifier_->InvalidateName(*directory, std::string(BaseName(node->path())));
  }
  const TimePoint now = clock_.Now();
  look_next_ = now + 2 * (now - began);
  notifier_->Then([this] { OnDropped(); });
}

// More may have come meanwhile.
void Pruner::OnDropped() {
  looking_ = false;
  Relieve();
}

}  // namespace copper::fuse

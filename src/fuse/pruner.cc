#include "pruner.h"

#include <utility>

#include "copper/base/attempt.h"
#include "copper/base/path.h"

namespace copper::fuse {

void Pruner::Relieve() {
  if (!inodes_.IsOver()) return;
  if (notifier_->abilities().prunes) return PruneOldest();
  if (in_use_ && !looking_.exchange(true)) BeginLook();
}

// These are many nodes, and what is in use is much to know: where there is no memory for that, they go another time.
void Pruner::PruneOldest() {
  std::vector<uint64_t> ids;
  static_cast<void>(Attempt([&] {
    for (const NodePtr& node : inodes_.TakeOldest()) ids.push_back(node->id());
  }));
  if (!ids.empty()) notifier_->Prune(std::move(ids));
}

void Pruner::BeginLook() {
  if (!Attempt([&] { oldest_ = inodes_.TakeOldest(); })) {
    looking_ = false;
    return;
  }
  const Notifier::Purpose expired = notifier_->WhenAllTold([this] {
    if (thread_.StartFirst()) return thread_.Submit([this] { DropUnused(); });
    oldest_.clear();
    looking_ = false;  // perhaps there is one to be had when more come
  });
  if (notifier_->abilities().expires) {
    for (const NodePtr& node : oldest_) {
      const uint64_t directory = DirectoryOf(*node);
      if (directory != 0) notifier_->ExpireName(directory, std::string(BaseName(node->path())), expired);
    }
  }
}

// 0: it is not known.
uint64_t Pruner::DirectoryOf(const Node& node) const {
  const NodePtr parent = inodes_.FindDirectory(std::string(ParentPath(node.path())));
  return parent ? parent->id() : 0;
}

std::optional<FilesInUse::Seen> Pruner::Look() const {
  std::optional<FilesInUse::Seen> seen;
  static_cast<void>(Attempt([&] { seen = in_use_->Look(); }));
  return seen;
}

// A look takes no more than a third of a core, however many nodes come.
void Pruner::DropUnused() {
  const Notifier::Purpose dropped = notifier_->WhenAllTold([this] { OnLooked(); });
  const TimePoint began = clock_.Now();
  const auto seen = oldest_.empty() ? std::nullopt : Look();
  for (NodePtr& node : std::exchange(oldest_, {})) {
    if (!seen || seen->numbers.contains(node->number()) || seen->paths.contains(node->path())) continue;
    std::string name(BaseName(node->path()));
    const uint64_t likely = DirectoryOf(*node);
    notifier_->InvalidateName([this, unused = std::move(node)] { return inodes_.LetGo(unused); }, likely,
                              std::move(name), dropped);
  }
  Rest(2 * (clock_.Now() - began));
}

void Pruner::Rest(Duration time) {
  const MutexLock lock(resting_);
  stop_.WaitFor(resting_, time, [this]() REQUIRES(resting_) { return stopping_; });
}

// More may have come meanwhile.
void Pruner::OnLooked() {
  looking_ = false;
  Relieve();
}

void Pruner::Stop() {
  {
    const MutexLock lock(resting_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  thread_.Stop();
}

}  // namespace copper::fuse

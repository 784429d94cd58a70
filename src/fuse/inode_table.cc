#include "inode_table.h"

#include <algorithm>
#include <utility>

#include "copper/base/path.h"

namespace copper::fuse {
namespace {

// What a node costs beside itself: its entry, and the hash tables' nodes and buckets, control blocks of shared pointers
// and headers of the allocator, some 240 bytes together.
constexpr size_t kTablesPerNode = sizeof(KnownEntry) + 240;
constexpr size_t kReaderCharge = sizeof(fetch::FileReader) + 96;

bool IsToBeCompared(const KnownEntry& known, const Attributes& found) {
  return known.suspected != 0 && known.node->Judge(found) == Node::Sameness::kCompare;
}

bool MayBeReplaced(const KnownEntry& known, const Attributes& found) {
  return (known.node->IsDirectory() && found.IsDirectory()) || IsToBeCompared(known, found);
}

}  // namespace

InodeTable::InodeTable(size_t budget_bytes)
    : round_(std::min(budget_bytes / 16, kMostRound)), budget_(budget_bytes - round_) {
  const auto root = std::make_shared<Node>(Node::Identity{.id = kRootId, .path = "/"});
  nodes_[kRootId].node = root;
  by_path_.insert(root.get());
}

NodePtr InodeTable::Find(uint64_t id) const {
  const MutexLock lock(mutex_);
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : it->second.node;
}

NodePtr InodeTable::FindDirectory(const std::string& path) const {
  const MutexLock lock(mutex_);
  const auto it = by_path_.find(path);
  return it == by_path_.end() || !(*it)->IsDirectory() ? nullptr : nodes_.at((*it)->id()).node;
}

KnownEntry* InodeTable::FindEntry(std::string_view path) {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : &nodes_.at((*it)->id());
}

KnownEntry* InodeTable::FindSame(std::string_view path, const Attributes& attributes, uint64_t asked,
                                 const Node* compared) {
  KnownEntry* const entry = FindEntry(path);
  if (entry == nullptr) return nullptr;
  const bool settled = entry->suspected == 0 || entry->node.get() == compared;
  const bool same =
      settled ? entry->node->Matches(attributes) : entry->node->Judge(attributes) == Node::Sameness::kSame;
  if (!same) return nullptr;
  if (asked >= entry->suspected) entry->suspected = 0;
  return entry;
}

NodePtr InodeTable::Enter(std::string path, Node::Known known, uint64_t asked, const Node* compared) {
  const MutexLock lock(mutex_);
  if (KnownEntry* const entry = FindSame(path, *known.attributes, asked, compared)) {
    Renumber(*entry->node, *known.attributes);
    entry->node->SetKnown(std::move(known));
    return EnterAgain(*entry);
  }
  return EnterNew(std::move(path), std::move(known), asked);
}

NodePtr InodeTable::EnterIfRoom(std::string path, const Attributes& attributes, TimePoint valid_until, uint64_t asked) {
  const MutexLock lock(mutex_);
  if (KnownEntry* const entry = FindSame(path, attributes, asked)) {
    Renumber(*entry->node, attributes);
    entry->node->SetKnown(attributes, valid_until);
    return EnterAgain(*entry);
  }
  const KnownEntry* const before = FindEntry(path);
  if (charge_ >= budget_ || (before != nullptr && MayBeReplaced(*before, attributes))) return nullptr;
  return EnterNew(std::move(path), {std::make_shared<const Attributes>(attributes), valid_until}, asked);
}

void InodeTable::SetKnown(Node& node, Node::Known known) {
  const MutexLock lock(mutex_);
  if (known.attributes && nodes_.contains(node.id())) Renumber(node, *known.attributes);
  node.SetKnown(std::move(known));
}

void InodeTable::Renumber(Node& node, const Attributes& attributes) {
  if (!node.IsDirectory()) return;
  const uint64_t before = node.number();
  const Node::Known known = node.known();
  const bool same = known.attributes && known.attributes->inode == attributes.inode &&
                    known.attributes->file_system == attributes.file_system;
  if (before != 0 && same) return;
  numbers_.Release(before);
  node.SetNumber(numbers_.Acquire(node.path(), attributes));
}

NodePtr InodeTable::EnterAgain(KnownEntry& entry) {
  ++entry.lookups;
  entry.node->NoteUse();
  if (std::exchange(entry.was_taken, false)) entered_ += entry.charge;
  Requeue(entry);
  NoteCharge();
  return entry.node;
}

// What was at this path before stays with whoever uses it, and for nobody else: the kernel drops its name with the
// answer.
NodePtr InodeTable::EnterNew(std::string path, Node::Known known, uint64_t asked) {
  if (KnownEntry* const before = FindEntry(path)) {
    by_path_.erase(before->node.get());
    Unqueue(*before);
  }
  const Attributes& attributes = *known.attributes;
  KnownEntry& entry = Insert({.path = std::move(path),
                              .type = attributes.mode & S_IFMT,
                              .version = NodeVersion(attributes),
                              .ctime = attributes.ctime},
                             std::move(known));
  if (asked < refreshes_) entry.suspected = refreshes_;
  by_path_.insert(entry.node.get());
  Requeue(entry);
  return entry.node;
}

NodePtr InodeTable::EnterFresh(Node::Identity identity, Node::Known known) {
  const MutexLock lock(mutex_);
  KnownEntry& entry = Insert(std::move(identity), std::move(known));
  Requeue(entry);
  return entry.node;
}

KnownEntry& InodeTable::Insert(Node::Identity identity, Node::Known known) {
  identity.id = next_id_++;
  identity.lasting = mode_ != Mode::kAsked || charge_ < budget_ / 2;
  KnownEntry* const directory = FindEntry(ParentPath(identity.path));
  auto node = std::make_shared<Node>(std::move(identity));
  node->SetNumber(numbers_.Acquire(node->path(), *known.attributes));
  node->SetKnown(std::move(known));
  KnownEntry& entry = nodes_[node->id()];
  entry.charge = node->charge() + kTablesPerNode;
  entry.lookups = 1;
  if (directory != nullptr) {
    entry.directory = directory->node->id();
    ++directory->children;
  }
  entry.node = std::move(node);
  charge_ += entry.charge;
  entered_ += entry.charge;
  NoteCharge();
  return entry;
}

void InodeTable::NoteRead(uint64_t id) {
  const MutexLock lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || it->second.was_read) return;
  KnownEntry& entry = it->second;
  entry.was_read = true;
  entry.charge += kReaderCharge;
  charge_ += kReaderCharge;
  if (entry.queue != nullptr) Requeue(entry);
  NoteCharge();
}

bool InodeTable::MayBeTaken(const KnownEntry& entry) const {
  if (mode_ == Mode::kPruned) return true;
  return by_path_.contains(entry.node.get()) && (mode_ == Mode::kExpired || !entry.node->IsNameLasting());
}

// It is the newest now.
void InodeTable::Requeue(KnownEntry& entry) {
  if (!MayBeTaken(entry)) return;
  Unqueue(entry);
  EntryQueue& untaken = entry.was_read || entry.node->IsDirectory() ? last_ : first_;
  (entry.was_taken ? kept_ : untaken).Append(entry);
}

void InodeTable::Unqueue(KnownEntry& entry) {
  if (entry.queue != nullptr) entry.queue->Remove(entry);
}

std::vector<NodePtr> InodeTable::Suspect(const std::string& path) {
  std::vector<NodePtr> suspects;
  const MutexLock lock(mutex_);
  ++refreshes_;
  for (const Node* const known : by_path_) {
    if (known->id() == kRootId || !IsAtOrBelow(known->path(), path)) continue;
    KnownEntry& entry = nodes_.at(known->id());
    entry.suspected = refreshes_;
    suspects.push_back(entry.node);
  }
  return suspects;
}

NodePtr InodeTable::ToCompare(const std::string& path, const Attributes& found) {
  const MutexLock lock(mutex_);
  const KnownEntry* const entry = FindEntry(path);
  return entry != nullptr && IsToBeCompared(*entry, found) ? entry->node : nullptr;
}

bool InodeTable::Confirm(const Node& node, const Attributes* found, uint64_t asked, bool is_equal) {
  const MutexLock lock(mutex_);
  const KnownEntry* const entry = FindEntry(node.path());
  const bool settled = entry == nullptr || entry->node.get() != &node || entry->suspected == 0;
  const Node* const compared = is_equal ? &node : nullptr;
  return settled || (found != nullptr && FindSame(node.path(), *found, asked, compared) != nullptr);
}

void InodeTable::Forget(uint64_t id, uint64_t lookups) {
  NodePtr dropped;  // destroyed outside the lock
  const MutexLock lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || id == kRootId) return;
  KnownEntry& entry = it->second;
  entry.lookups -= std::min(lookups, entry.lookups);
  if (entry.lookups > 0) return;
  Unqueue(entry);
  dropped = std::move(entry.node);
  by_path_.erase(dropped.get());
  numbers_.Release(dropped->number());
  if (const auto directory = nodes_.find(entry.directory); directory != nodes_.end()) --directory->second.children;
  charge_ -= entry.charge;
  nodes_.erase(it);
  NoteCharge();
}

std::vector<NodePtr> InodeTable::TakeOldest() {
  std::vector<NodePtr> taken;
  if (!over_) return taken;
  const MutexLock lock(mutex_);
  if (charge_ <= budget_ || entered_ < round_) return taken;
  entered_ = 0;
  // Where nothing is in use there is never more too much than has come. A look into /proc takes its time, though.
  const size_t most = mode_ == Mode::kPruned ? round_ : kMostAtOnce;
  const size_t wanted = std::min(charge_ - budget_, most) + std::max<size_t>(round_, 1);
  // A part is for those that were in use when they were taken before.
  size_t had = TakeFrom(kept_, 0, wanted / 4, taken);
  for (EntryQueue* const queue : {&first_, &last_, &kept_}) {
    if (had < wanted) had += TakeFrom(*queue, kNewestKept, wanted - had, taken);
  }
  NoteCharge();
  return taken;
}

std::optional<uint64_t> InodeTable::LetGo(const NodePtr& node) {
  const MutexLock lock(mutex_);
  KnownEntry* const entry = FindEntry(node->path());
  if (entry == nullptr || entry->node != node || entry->children > 0 || node->TakeUse()) return std::nullopt;
  constexpr long kTableAndCaller = 2;  // a handler that is at work on it has it, too
  if (node.use_count() > kTableAndCaller) return std::nullopt;
  const KnownEntry* const directory = FindEntry(ParentPath(node->path()));
  if (directory == nullptr) return std::nullopt;
  by_path_.erase(node.get());
  Unqueue(*entry);
  return directory->node->id();
}

size_t InodeTable::TakeFrom(EntryQueue& queue, size_t but, size_t bytes, std::vector<NodePtr>& taken) {
  size_t had = 0;
  for (size_t left = queue.size(); left > but && had < bytes; --left) {
    KnownEntry& entry = *queue.oldest();
    had += entry.charge;
    entry.was_taken = true;
    entry.node->TakeUse();
    taken.push_back(entry.node);
    Requeue(entry);
  }
  return had;
}

size_t InodeTable::size() const {
  const MutexLock lock(mutex_);
  return nodes_.size();
}

size_t InodeTable::charge() const {
  const MutexLock lock(mutex_);
  return charge_;
}

}  // namespace copper::fuse

#include "inode_table.h"

#include <algorithm>
#include <utility>

#include "copper/base/hash.h"

namespace copper::fuse {
namespace {

// What a node costs beside itself: its entry, and the hash tables' nodes and buckets, control blocks of shared pointers
// and headers of the allocator, some 240 bytes together.
constexpr size_t kTablesPerNode = sizeof(KnownEntry) + 240;
constexpr size_t kReaderCharge = sizeof(fetch::FileReader) + 96;

}  // namespace

size_t InodeTable::KeyHash::operator()(const Key& key) const {
  return Hash(key.path, key.version.Folded());
}

InodeTable::InodeTable(size_t budget_bytes) : budget_(budget_bytes) {
  const auto root = std::make_shared<Node>(Node::Identity{.id = kRootId, .path = "/"});
  nodes_[kRootId].node = root;
  by_key_.insert(root.get());
}

NodePtr InodeTable::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : it->second.node;
}

NodePtr InodeTable::FindDirectory(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_key_.find(Key{path, S_IFDIR, {}});
  return it == by_key_.end() ? nullptr : nodes_.at((*it)->id()).node;
}

KnownEntry* InodeTable::FindEntry(const Key& key) {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &nodes_.at((*it)->id());
}

NodePtr InodeTable::Enter(std::string path, Node::Known known) {
  const Key key{path, known.attributes->mode & S_IFMT, NodeVersion(*known.attributes)};
  const std::lock_guard lock(mutex_);
  if (KnownEntry* const entry = FindEntry(key)) {
    Renumber(*entry->node, *known.attributes);
    entry->node->SetKnown(std::move(known));
    return EnterAgain(*entry);
  }
  return EnterNew({.path = std::move(path), .type = key.type, .version = key.version}, std::move(known));
}

NodePtr InodeTable::EnterIfRoom(std::string path, const Attributes& attributes, TimePoint valid_until) {
  const Key key{path, attributes.mode & S_IFMT, NodeVersion(attributes)};
  const std::lock_guard lock(mutex_);
  if (KnownEntry* const entry = FindEntry(key)) {
    Renumber(*entry->node, attributes);
    entry->node->SetKnown(attributes, valid_until);
    return EnterAgain(*entry);
  }
  if (charge_ >= budget_) return nullptr;
  return EnterNew({.path = std::move(path), .type = key.type, .version = key.version},
                  {std::make_shared<const Attributes>(attributes), valid_until});
}

void InodeTable::SetKnown(Node& node, Node::Known known) {
  const std::lock_guard lock(mutex_);
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
  Requeue(entry);
  return entry.node;
}

NodePtr InodeTable::EnterNew(Node::Identity identity, Node::Known known) {
  KnownEntry& entry = Insert(std::move(identity), std::move(known));
  by_key_.insert(entry.node.get());
  Requeue(entry);
  return entry.node;
}

NodePtr InodeTable::EnterFresh(Node::Identity identity, Node::Known known) {
  const std::lock_guard lock(mutex_);
  return Insert(std::move(identity), std::move(known)).node;
}

KnownEntry& InodeTable::Insert(Node::Identity identity, Node::Known known) {
  identity.id = next_id_++;
  auto node = std::make_shared<Node>(std::move(identity));
  node->SetNumber(numbers_.Acquire(node->path(), *known.attributes));
  node->SetKnown(std::move(known));
  KnownEntry& entry = nodes_[node->id()];
  entry.charge = node->charge() + kTablesPerNode;
  entry.lookups = 1;
  entry.node = std::move(node);
  charge_ += entry.charge;
  NoteCharge();
  return entry;
}

void InodeTable::NoteRead(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || it->second.was_read) return;
  KnownEntry& entry = it->second;
  entry.was_read = true;
  entry.charge += kReaderCharge;
  charge_ += kReaderCharge;
  if (entry.given_up) given_up_ += kReaderCharge;
  if (entry.queue != nullptr) Requeue(entry);
  NoteCharge();
}

// It is the newest now, and the kernel knows it by a name again.
void InodeTable::Requeue(KnownEntry& entry) {
  if (entry.node->IsDirectory()) return;
  Unqueue(entry);
  (entry.was_read ? read_ : unread_).Append(entry);
  NoteCharge();
}

void InodeTable::Unqueue(KnownEntry& entry) {
  if (entry.queue != nullptr) entry.queue->Remove(entry);
  if (std::exchange(entry.given_up, false)) given_up_ -= entry.charge;
}

// The kernel is told to forget the names of those that stay with whoever has them open: they are given up already.
std::vector<NodePtr> InodeTable::Renew(const std::string& path) {
  std::vector<NodePtr> renewed;
  const std::lock_guard lock(mutex_);
  std::erase_if(by_key_, [&](const Node* known) {
    if (known->id() == kRootId || !IsAtOrBelow(known->path(), path)) return false;
    KnownEntry& entry = nodes_.at(known->id());
    renewed.push_back(entry.node);
    if (known->IsDirectory()) return false;
    GiveUp(entry);
    return true;
  });
  NoteCharge();
  return renewed;
}

void InodeTable::Forget(uint64_t id, uint64_t lookups) {
  NodePtr dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || id == kRootId) return;
  KnownEntry& entry = it->second;
  entry.lookups -= std::min(lookups, entry.lookups);
  if (entry.lookups > 0) return;
  Unqueue(entry);
  dropped = std::move(entry.node);
  by_key_.erase(dropped.get());
  numbers_.Release(dropped->number());
  charge_ -= entry.charge;
  nodes_.erase(it);
  NoteCharge();
}

void InodeTable::GiveUp(KnownEntry& entry) {
  Unqueue(entry);
  entry.given_up = true;
  given_up_ += entry.charge;
}

std::vector<KnownName> InodeTable::TakeExcess() {
  std::vector<KnownName> names;
  if (!over_) return names;
  const std::lock_guard lock(mutex_);
  TakeFrom(unread_, names);
  TakeFrom(read_, names);
  NoteCharge();
  return names;
}

void InodeTable::TakeFrom(EntryQueue& queue, std::vector<KnownName>& names) {
  while (IsOver() && names.size() < kBatch && queue.size() > kNewestKept) {
    KnownEntry& entry = *queue.oldest();
    GiveUp(entry);
    const std::string& path = entry.node->path();
    // A name whose directory is unknown to the kernel is so itself; what is left of it is in use.
    const auto directory = by_key_.find(Key{ParentPath(path), S_IFDIR, {}});
    if (directory != by_key_.end()) names.push_back({(*directory)->id(), std::string(BaseName(path))});
  }
}

void InodeTable::NoteCharge() {
  over_ = IsOver();
}

size_t InodeTable::size() const {
  const std::lock_guard lock(mutex_);
  return nodes_.size();
}

size_t InodeTable::charge() const {
  const std::lock_guard lock(mutex_);
  return charge_;
}

}  // namespace copper::fuse

#include "fakes/memory_store.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>

#include "copper/base/chunk_size.h"
#include "copper/base/path.h"
#include "copper/names/attributes.h"

namespace copper::fakes {
namespace {

constexpr auto kQuiet = std::chrono::seconds(2);
constexpr auto kBlockDeadline = std::chrono::seconds(60);
constexpr size_t kHoleSize = 4096;

std::vector<std::string> Components(const std::string& path) {
  std::vector<std::string> names;
  for (size_t begin = 1; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    names.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

uint64_t& Counter(MemoryStore::Counts& counts, MemoryStore::Kind kind) {
  switch (kind) {
    case MemoryStore::Kind::kLook:
      return counts.looks;
    case MemoryStore::Kind::kList:
      return counts.lists;
    case MemoryStore::Kind::kRead:
      return counts.reads;
    case MemoryStore::Kind::kSeek:
      break;
  }
  return counts.seeks;
}

// Blocks of 4 KiB that are zero are holes.
bool IsHole(const std::string& content, size_t offset) {
  const std::string_view block = std::string_view(content).substr(offset / kHoleSize * kHoleSize, kHoleSize);
  return IsZero(std::as_bytes(std::span(block)));
}

}  // namespace

struct MemoryStore::Node {
  Attributes attributes;
  std::string content;
  std::map<std::string, NodePtr> children;
  bool answers_absence = true;
};

MemoryStore::MemoryStore() {
  root_ = Make(S_IFDIR | 0755);
}
MemoryStore::~MemoryStore() = default;

void MemoryStore::AddFile(const std::string& path, std::string content, uint32_t permissions) {
  const Lock lock(mutex_);
  NodePtr node = Make(S_IFREG | permissions);
  node->attributes.size = content.size();
  node->attributes.blocks = (content.size() + 511) / 512;
  node->content = std::move(content);
  Insert(path, std::move(node));
}

void MemoryStore::AddDirectory(const std::string& path, uint32_t permissions) {
  const Lock lock(mutex_);
  Insert(path, Make(S_IFDIR | permissions));
}

void MemoryStore::AddSymlink(const std::string& path, const std::string& target) {
  const Lock lock(mutex_);
  NodePtr node = Make(S_IFLNK | 0777);
  node->attributes.symlink_target = target;
  node->attributes.size = target.size();
  Insert(path, std::move(node));
}

void MemoryStore::AddSpecial(const std::string& path, uint32_t mode) {
  const Lock lock(mutex_);
  Insert(path, Make(mode));
}

void MemoryStore::AddHardLink(const std::string& existing, const std::string& path) {
  const Lock lock(mutex_);
  NodePtr node = MustFind(existing);
  ++node->attributes.nlink;
  Insert(path, std::move(node));
}

void MemoryStore::Remove(const std::string& path) {
  const Lock lock(mutex_);
  const NodePtr node = MustFind(path);
  const NodePtr parent = MustFind(std::string(ParentPath(path)));
  --node->attributes.nlink;
  parent->children.erase(std::string(BaseName(path)));
  Touch(*parent);
}

void MemoryStore::Replace(const std::string& path, std::string content) {
  uint32_t permissions = 0;
  {
    const Lock lock(mutex_);
    permissions = MustFind(path)->attributes.mode & 07777;
  }
  AddFile(path, std::move(content), permissions);
}

void MemoryStore::Rewrite(const std::string& path, std::string content) {
  const Lock lock(mutex_);
  const NodePtr node = MustFind(path);
  node->attributes.size = content.size();
  node->attributes.blocks = (content.size() + 511) / 512;
  node->content = std::move(content);
  Touch(*node);
}

void MemoryStore::RewriteUnseen(const std::string& path, std::string content) {
  const Lock lock(mutex_);
  const NodePtr node = MustFind(path);
  if (node->content.size() != content.size()) throw std::logic_error("another size is seen: " + path);
  node->content = std::move(content);
  const FileTime mtime = node->attributes.mtime, atime = node->attributes.atime;
  Touch(*node);
  node->attributes.mtime = mtime;
  node->attributes.atime = atime;
}

void MemoryStore::RewriteRestoring(const std::string& path, std::string content) {
  RewriteUnseen(path, std::move(content));
  TouchCtime(path);
}

void MemoryStore::TouchCtime(const std::string& path) {
  const Lock lock(mutex_);
  MustFind(path)->attributes.ctime = FileTime::FromNanoseconds(change_time_ + changes_++);
}

void MemoryStore::SetMtime(const std::string& path, const FileTime& mtime) {
  TouchCtime(path);
  const Lock lock(mutex_);
  MustFind(path)->attributes.mtime = mtime;
}

void MemoryStore::SetMode(const std::string& path, uint32_t permissions) {
  const Lock lock(mutex_);
  uint32_t& mode = MustFind(path)->attributes.mode;
  mode = (mode & S_IFMT) | permissions;
}

void MemoryStore::SetNow(int64_t ns) {
  const Lock lock(mutex_);
  now_ = ns;
}

void MemoryStore::SetChangeTime(int64_t ns) {
  const Lock lock(mutex_);
  change_time_ = ns;
}

void MemoryStore::SetAnswersAbsence(const std::string& directory, bool answers) {
  const Lock lock(mutex_);
  MustFind(directory)->answers_absence = answers;
}

void MemoryStore::SetAttributesInListings(bool attributes) {
  const Lock lock(mutex_);
  attributes_in_listings_ = attributes;
}

void MemoryStore::FailNext(Kind kind, const std::string& path, int count, int error) {
  const Lock lock(mutex_);
  std::vector<int>& errors = faults_[{kind, path}].errors;
  errors.insert(errors.begin(), static_cast<size_t>(count), error);
}

void MemoryStore::Block(Kind kind, const std::string& path) {
  const Lock lock(mutex_);
  faults_[{kind, path}].blocked = true;
}

void MemoryStore::Release(Kind kind, const std::string& path) {
  const Lock lock(mutex_);
  faults_[{kind, path}].blocked = false;
  changed_.notify_all();
}

bool MemoryStore::WaitUntilBlocked(Kind kind, const std::string& path, int calls, Duration timeout) {
  Lock lock(mutex_);
  Faults& faults = faults_[{kind, path}];
  return changed_.wait_for(lock, timeout, [&] { return faults.waiting >= calls; });
}

MemoryStore::Counts MemoryStore::counts() const {
  const Lock lock(mutex_);
  return total_;
}

MemoryStore::Counts MemoryStore::counts(const std::string& path) const {
  const Lock lock(mutex_);
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? Counts{} : it->second;
}

std::vector<std::string> MemoryStore::statfs_paths() const {
  const Lock lock(mutex_);
  return statfs_paths_;
}

void MemoryStore::ResetCounts() {
  const Lock lock(mutex_);
  total_ = {};
  by_path_.clear();
}

Attributes MemoryStore::Peek(const std::string& path) const {
  const Lock lock(mutex_);
  return MustFind(path)->attributes;
}

Result<Attributes> MemoryStore::Look(const std::string& path) {
  Lock lock(mutex_);
  if (const Status entered = Enter(lock, Kind::kLook, path); !entered) return std::unexpected(entered.error());
  const Result<NodePtr> node = Resolve(path);
  if (!node) return std::unexpected(node.error());
  return (*node)->attributes;
}

Result<Listing> MemoryStore::List(const std::string& path, storage::ListLimit limit) {
  Lock lock(mutex_);
  if (const Status entered = Enter(lock, Kind::kList, path); !entered) return std::unexpected(entered.error());
  const Result<NodePtr> found = Resolve(path);
  if (!found) return std::unexpected(found.error());
  const Node& node = **found;
  if (!node.attributes.IsDirectory()) return Fail(ENOTDIR);
  if ((node.attributes.mode & 0400) == 0) return Fail(EACCES);
  if (limit.names != 0 && node.children.size() > limit.names) return Fail(EFBIG);
  ListingBuilder listing(node.attributes, limit.bytes);
  for (const auto& [name, child] : node.children) {
    const Attributes& attributes = child->attributes;
    const auto type = static_cast<uint8_t>(IFTODT(attributes.mode));
    const Status added = listing.Add(name, attributes.inode, type, attributes_in_listings_ ? &attributes : nullptr);
    if (!added) return std::unexpected(added.error());
  }
  const FileTime changed = std::max(node.attributes.mtime, node.attributes.ctime);
  return listing.Build(node.answers_absence && Between(changed, FileTime::FromNanoseconds(now_)) >= kQuiet);
}

Result<Bytes> MemoryStore::Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                                storage::Seen& seen) {
  Lock lock(mutex_);
  if (const Status entered = Enter(lock, Kind::kRead, path); !entered) return std::unexpected(entered.error());
  const Result<NodePtr> node = FindVersion(path, version);
  if (!node) return std::unexpected(node.error());
  const Attributes& attributes = (*node)->attributes;
  if ((attributes.mode & 0400) == 0) return Fail(EACCES);
  seen = {attributes.ctime};
  const auto content = std::as_bytes(std::span((*node)->content));
  const size_t begin = static_cast<size_t>(std::min<uint64_t>(offset, content.size()));
  const auto range = content.subspan(begin, std::min(length, content.size() - begin));
  total_.bytes_read += range.size();
  by_path_[path].bytes_read += range.size();
  return IsZero(range) && range.size() <= kChunkSize ? Bytes::Zeros(range.size()) : Bytes::Copy(range);
}

Result<uint64_t> MemoryStore::Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) {
  Lock lock(mutex_);
  if (const Status entered = Enter(lock, Kind::kSeek, path); !entered) return std::unexpected(entered.error());
  const Result<NodePtr> node = FindVersion(path, version);
  if (!node) return std::unexpected(node.error());
  const std::string& content = (*node)->content;
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return Fail(EINVAL);
  if (offset >= content.size()) return Fail(ENXIO);
  size_t at = static_cast<size_t>(offset);
  while (at < content.size() && IsHole(content, at) != (whence == SEEK_HOLE)) at = (at / kHoleSize + 1) * kHoleSize;
  if (at < content.size()) return at;
  return whence == SEEK_HOLE ? Result<uint64_t>(content.size()) : Fail(ENXIO);
}

Result<StatFs> MemoryStore::Statfs(const std::string& path) {
  const Lock lock(mutex_);
  statfs_paths_.push_back(path);
  return StatFs{.block_size = 4096,
                .fragment_size = 4096,
                .blocks = 1000,
                .blocks_free = 500,
                .blocks_available = 400,
                .files = 100,
                .files_free = 50,
                .name_max = 255};
}

MemoryStore::NodePtr MemoryStore::Make(uint32_t mode) {
  auto node = std::make_shared<Node>();
  node->attributes.mode = mode;
  node->attributes.nlink = S_ISDIR(mode) ? 2 : 1;
  node->attributes.inode = next_inode_++;
  Touch(*node);
  return node;
}

void MemoryStore::Touch(Node& node) {
  Attributes& attributes = node.attributes;
  attributes.mtime = attributes.ctime = attributes.atime = FileTime::FromNanoseconds(change_time_ + changes_++);
}

MemoryStore::NodePtr MemoryStore::MakeParents(const std::string& path) {
  NodePtr node = root_;
  for (const std::string& name : Components(std::string(ParentPath(path)))) {
    NodePtr& child = node->children[name];
    if (!child) {
      child = Make(S_IFDIR | 0755);
      Touch(*node);
    }
    node = child;
  }
  return node;
}

void MemoryStore::Insert(const std::string& path, NodePtr node) {
  const NodePtr parent = MakeParents(path);
  parent->children[std::string(BaseName(path))] = std::move(node);
  Touch(*parent);
}

Result<MemoryStore::NodePtr> MemoryStore::Resolve(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& name : Components(path)) {
    if (node->attributes.IsSymlink()) return Fail(ELOOP);
    if (!node->attributes.IsDirectory()) return Fail(ENOTDIR);
    const auto it = node->children.find(name);
    if (it == node->children.end()) return Fail(ENOENT);
    node = it->second;
  }
  return node;
}

MemoryStore::NodePtr MemoryStore::MustFind(const std::string& path) const {
  Result<NodePtr> node = Resolve(path);
  if (!node) throw std::logic_error("the test names a path that is not there: " + path);
  return *node;
}

Result<MemoryStore::NodePtr> MemoryStore::FindVersion(const std::string& path, const FileVersion& version) const {
  Result<NodePtr> node = Resolve(path);
  if (!node || (*node)->attributes.version() != version) return Fail(ESTALE);
  if ((*node)->attributes.IsDirectory()) return Fail(EISDIR);
  if (!(*node)->attributes.IsRegular()) return Fail(EINVAL);
  return node;
}

Status MemoryStore::Enter(Lock& lock, Kind kind, const std::string& path) {
  ++Counter(total_, kind);
  ++Counter(by_path_[path], kind);
  const auto it = faults_.find({kind, path});
  if (it == faults_.end()) return {};
  Faults& faults = it->second;
  ++faults.waiting;
  changed_.notify_all();
  const bool released = changed_.wait_for(lock, kBlockDeadline, [&] { return !faults.blocked; });
  --faults.waiting;
  if (!released) return Fail(ETIMEDOUT);
  if (faults.errors.empty()) return {};
  const int error = faults.errors.back();
  faults.errors.pop_back();
  return Fail(error);
}

}  // namespace copper::fakes

#include "node.h"

#include "copper/names/same_directory.h"

namespace copper::fuse {

namespace {

bool LeadsWhereItDid(const Node::Known& known, const Attributes& found) {
  return known.attributes && known.attributes->symlink_target == found.symlink_target &&
         known.attributes->rdev == found.rdev;
}

}  // namespace

FileVersion NodeVersion(const Attributes& attributes) {
  return attributes.IsDirectory() ? FileVersion{} : attributes.version();
}

bool Node::Matches(const Attributes& attributes) const {
  if ((attributes.mode & S_IFMT) != type() || NodeVersion(attributes) != version()) return false;
  if (!IsDirectory() || path() == "/") return true;
  const Known known = this->known();
  return !known.attributes || !AreTwoDirectories(*known.attributes, attributes);
}

Node::Sameness Node::Judge(const Attributes& found) const {
  if (!Matches(found)) return Sameness::kOther;
  if (IsDirectory()) return Sameness::kSame;
  if (!S_ISREG(type())) return LeadsWhereItDid(known(), found) ? Sameness::kSame : Sameness::kOther;
  const std::shared_ptr<fetch::FileReader> reader = this->reader();
  if (!reader) return Sameness::kSame;
  const bool same = reader->IsOf(found.ctime).value_or(found.ctime == identity_.ctime);
  if (same) return Sameness::kSame;
  return reader->notes() ? Sameness::kCompare : Sameness::kOther;
}

std::shared_ptr<fetch::FileReader> Node::reader() const {
  const MutexLock lock(mutex_);
  return reader_;
}

Node::Known Node::known() const {
  const MutexLock lock(mutex_);
  return known_;
}

void Node::SetKnown(Known known) {
  const MutexLock lock(mutex_);
  std::swap(known_, known);
}

void Node::SetKnown(const Attributes& attributes, TimePoint valid_until) {
  const MutexLock lock(mutex_);
  known_.valid_until = valid_until;
  if (known_.attributes && *known_.attributes == attributes) return;
  known_.attributes = std::make_shared<const Attributes>(attributes);
}

void Node::Expire() {
  const MutexLock lock(mutex_);
  known_.valid_until = TimePoint::min();
}

std::shared_ptr<fetch::FileReader> Node::Reader(const std::function<std::shared_ptr<fetch::FileReader>()>& make) {
  const MutexLock lock(mutex_);
  if (!reader_) reader_ = make();
  return reader_;
}

size_t Node::charge() const {
  const MutexLock lock(mutex_);
  const size_t target = known_.attributes ? known_.attributes->symlink_target.size() : 0;
  return sizeof(Node) + sizeof(Attributes) + path().capacity() + content().size() + target;
}

}  // namespace copper::fuse

#include "recheck.h"

#include <algorithm>
#include <iterator>

#include "copper/base/path.h"

namespace copper::fuse {

Recheck::Recheck(Parts parts, std::vector<NodePtr> suspects, TimePoint until, Notifier::Purpose purpose)
    : parts_(std::move(parts)),
      until_(until),
      asked_(parts_.inodes.refreshes()),
      purpose_(std::move(purpose)),
      suspects_(std::move(suspects)) {}

void Recheck::Begin() {
  if (parts_.notifier->abilities().expires) {
    return parts_.notifier->Then([self = shared_from_this()] { self->ExpireSome(); });
  }
  parts_.notifier->Then([self = shared_from_this()] {
    self->MakeTasks();
    self->Run();
  });
}

void Recheck::ExpireSome() {
  for (const size_t end = std::min(next_ + kTurn, suspects_.size()); next_ < end; ++next_) {
    const Node& node = *suspects_[next_];
    const auto directory = DirectoryOf(node, parts_.inodes);
    if (directory) parts_.notifier->ExpireName(*directory, std::string(BaseName(node.path())), purpose_);
  }
  if (next_ == suspects_.size()) return purpose_.reset();
  parts_.notifier->Then([self = shared_from_this()] { self->ExpireSome(); });
}

// First one name of each directory, or the listing of one of which many are known; then the others.
void Recheck::MakeTasks() {
  const auto directory = [](const NodePtr& node) { return ParentPath(node->path()); };
  std::ranges::sort(suspects_, {}, directory);
  std::vector<Task> others;
  for (auto first = suspects_.begin(); first != suspects_.end();) {
    const auto end = std::ranges::upper_bound(first, suspects_.end(), directory(*first), {}, directory);
    const bool lists = end - first >= static_cast<ptrdiff_t>(kWorthListing) && (*first)->known().valid_until == kNever;
    if (lists) {
      tasks_.push_back({*first, Nodes(first, end)});
    } else {
      tasks_.push_back({*first});
      for (auto other = std::next(first); other != end; ++other) others.push_back({*other});
    }
    first = end;
  }
  std::ranges::move(others, std::back_inserter(tasks_));
  suspects_.clear();
}

void Recheck::Run() {
  std::vector<Answer> answers;
  {
    const MutexLock lock(mutex_);
    is_due_ = false;
    answers.swap(answers_);
  }
  for (Answer& answer : answers) Judge(std::move(answer));
  const bool more = AskSome();
  const MutexLock lock(mutex_);
  if (!answers_.empty() || more) {
    if (!std::exchange(is_due_, true)) parts_.notifier->Then([self = shared_from_this()] { self->Run(); });
  } else if (under_way_ == 0 && next_ == tasks_.size()) {
    purpose_.reset();
  }
}

// Whether more could be asked at once.
bool Recheck::AskSome() {
  for (const size_t end = std::min(next_ + kTurn, tasks_.size()); next_ < end; ++next_) {
    {
      const MutexLock lock(mutex_);
      if (under_way_ >= kMostAsked) return false;
      ++under_way_;
    }
    Ask(next_);
  }
  return next_ < tasks_.size();
}

void Recheck::Ask(size_t task) {
  const std::string& path = tasks_[task].node->path();
  const auto self = shared_from_this();
  if (IsBelowDropped(path) || parts_.clock.Now() >= until_) return OnAnswer({task, Fail(ETIMEDOUT)});
  if (tasks_[task].after_listing.empty()) {
    return parts_.fetcher.LookAgain(
        path, until_, [self, task](Result<fetch::Found> found) { self->OnAnswer({task, std::move(found)}); });
  }
  parts_.fetcher.ListAgain(std::string(ParentPath(path)), until_,
                           [self, task](const Result<fetch::Listed>&) { self->OnAnswer({task, {}}); });
}

void Recheck::OnAnswer(Answer answer) {
  const MutexLock lock(mutex_);
  --under_way_;
  answers_.push_back(std::move(answer));
  if (!std::exchange(is_due_, true)) parts_.notifier->Then([self = shared_from_this()] { self->Run(); });
}

void Recheck::Judge(Answer answer) {
  const Nodes listed = std::move(tasks_[answer.task].after_listing);
  for (const NodePtr& node : listed) tasks_.push_back({node});
  if (!listed.empty()) return;
  const NodePtr& node = tasks_[answer.task].node;
  const Attributes* const now = answer.found ? answer.found->attributes.get() : nullptr;
  const bool may_compare = now != nullptr && !answer.is_equal;
  if (may_compare && parts_.inodes.ToCompare(node->path(), *now) == node) return Compare(node, std::move(answer));
  if (!parts_.inodes.Confirm(*node, now, asked_, answer.is_equal.value_or(false))) Drop(node);
}

void Recheck::Compare(const NodePtr& node, Answer answer) {
  {
    const MutexLock lock(mutex_);
    ++under_way_;
  }
  node->reader()->Compare(until_, [self = shared_from_this(), answer = std::move(answer)](const Status& equal) mutable {
    answer.is_equal = equal.has_value();
    self->OnAnswer(std::move(answer));
  });
}

// Somebody may look the name up before its turn has come, and what he found is his to use.
void Recheck::Drop(const NodePtr& node) {
  if (node->IsDirectory()) dropped_.insert(node->path());
  const auto if_still = [node, &inodes = parts_.inodes, asked = asked_]() -> std::optional<uint64_t> {
    if (inodes.Confirm(*node, nullptr, asked)) return std::nullopt;
    return DirectoryOf(*node, inodes);
  };
  const uint64_t likely = DirectoryOf(*node, parts_.inodes).value_or(0);
  parts_.notifier->InvalidateName(if_still, likely, std::string(BaseName(node->path())), purpose_);
}

// Then nobody need be asked. It is told all the same: what is in use there would be found again with its directory.
bool Recheck::IsBelowDropped(std::string_view path) const {
  if (dropped_.empty()) return false;
  while (path != "/") {
    path = ParentPath(path);
    if (dropped_.contains(std::string(path))) return true;
  }
  return false;
}

std::optional<uint64_t> Recheck::DirectoryOf(const Node& node, const InodeTable& inodes) {
  const NodePtr parent = inodes.FindDirectory(std::string(ParentPath(node.path())));
  return parent ? std::optional(parent->id()) : std::nullopt;
}

}  // namespace copper::fuse

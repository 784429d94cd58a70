#include "copper/cache/subjects.h"

#include <algorithm>
#include <cerrno>

#include "copper/base/path.h"

namespace copper::cache {
namespace {

// Of a hundred thousand files, no more than a small part of the budget.
constexpr size_t kMost = size_t{80} << 20;
constexpr size_t kPart = 16;
constexpr size_t kSubjectSize = 600;  // without the path, which is held twice

size_t SizeOf(const Subjects::Key& file) {
  return kSubjectSize + 2 * file.path.size();
}

}  // namespace

bool Subjects::Comparison::Note(Rank rank, int error) {
  {
    const Reader& reader = readers.at(rank);
    const MutexLock lock(mutex_);
    const bool is_lost = error != 0 && error != ESTALE && error != ENOMEM && error != ENODATA;
    const bool can_tell = error != ENOMEM && !reader.may_lack;
    if (error == ESTALE || (!can_tell && !reader.is_former)) found_.differs = true;
    if (error == ENODATA || (is_lost && reader.is_former)) found_.without.push_back(rank);
    if (is_lost && !reader.is_former) found_.is_certain = false;
  }
  return --missing_ == 0;
}

Subjects::Comparison::Findings Subjects::Comparison::Take() {
  const MutexLock lock(mutex_);
  return std::move(found_);
}

Subjects::Subjects(Budget& budget) : budget_(budget), most_(std::min<uint64_t>(kMost, budget.limit() / kPart)) {}

// The first one to ask settles the ctime.
Subjects::Subject& Subjects::Of(const Key& file, const FileTime& ctime) {
  const auto [found, is_new] = subjects_.try_emplace(file);
  if (is_new) {
    found->second.settled = ctime;
    order_.push_back(file);
    held_ += SizeOf(file);
    budget_.Hold(SizeOf(file));
  }
  return found->second;
}

Subjects::Next Subjects::Ask(const Key& file, Asker asker, const std::set<Rank>& silent) {
  const MutexLock lock(mutex_);
  Subject& subject = Of(file, asker.ctime);
  subject.waiting.push_back(std::move(asker));
  if (subject.is_comparing) return {};
  Next next = Decide(file, subject, silent);
  Bound();
  return next;
}

// Of those who wait, once no comparison is under way.
Subjects::Next Subjects::Decide(const Key& file, Subject& subject, const std::set<Rank>& silent) {
  Next next;
  Askers open;
  for (Asker& each : subject.waiting) {
    Reader& reader = subject.readers[each.from];
    reader.is_former = false;
    reader.may_lack = each.may_lack || reader.may_lack;
    Askers& where = subject.is_stale ? next.refused : subject.settled == each.ctime ? next.accepted : open;
    where.push_back(std::move(each));
  }
  subject.waiting.clear();
  if (open.empty()) return next;
  const auto can_not_tell = [&](const auto& reader) {
    return !reader.second.is_former && silent.contains(reader.first);
  };
  if (std::ranges::any_of(subject.readers, can_not_tell)) {
    next.alone = std::move(open);
    return next;
  }
  const FileTime latest = std::ranges::max_element(open, {}, &Asker::ctime)->ctime;
  const bool is_one = std::ranges::all_of(open, [&](const Asker& each) { return each.ctime == latest; }) &&
                      (!subject.settled || *subject.settled < latest);
  next.comparison = std::make_shared<Comparison>(file, std::move(open), subject.readers, latest, is_one);
  subject.is_comparing = true;
  return next;
}

// What differs is no longer of interest when it has been refreshed meanwhile.
void Subjects::Judge(const Comparison::Findings& found, const FileTime& latest, Subject& subject) {
  subject.is_comparing = false;
  for (const Rank rank : found.without) subject.readers.erase(rank);
  if (std::exchange(subject.was_refreshed, false)) return;
  if (found.differs) subject.is_stale = true;
  if (!found.differs && found.is_certain) subject.settled = latest;
}

Subjects::Next Subjects::End(Comparison& comparison, const std::set<Rank>& silent) {
  const Comparison::Findings findings = comparison.Take();
  Next next;
  {
    const MutexLock lock(mutex_);
    if (const auto found = subjects_.find(comparison.file); found != subjects_.end()) {
      Judge(findings, comparison.latest, found->second);
      next = Decide(comparison.file, found->second, silent);
    }
  }
  Askers& told = findings.differs ? next.refused : findings.is_certain ? next.accepted : next.alone;
  std::ranges::move(told, std::back_inserter(comparison.askers_));
  told = std::move(comparison.askers_);
  return next;
}

void Subjects::Forget(const std::string& top) {
  const MutexLock lock(mutex_);
  for (auto& [file, subject] : subjects_) {
    if (!IsAtOrBelow(file.path, top)) continue;
    subject.was_refreshed = subject.is_comparing;
    subject.is_stale = false;
    subject.settled.reset();
    for (auto& [rank, reader] : subject.readers) reader = {.may_lack = false, .is_former = true};
  }
}

void Subjects::Bound() {
  for (size_t looked = order_.size(); held_ > most_ && looked > 1; --looked) {
    const auto oldest = subjects_.find(order_.front());
    if (oldest != subjects_.end() && oldest->second.is_comparing) {
      order_.push_back(order_.front());
    } else if (oldest != subjects_.end()) {
      held_ -= SizeOf(oldest->first);
      budget_.Drop(SizeOf(oldest->first));
      subjects_.erase(oldest);
    }
    order_.pop_front();
  }
}

}  // namespace copper::cache

#include "copper/rpc/waits.h"

#include <algorithm>

namespace copper::rpc {

std::string_view Name(Doing doing) {
  static constexpr std::array<std::string_view, static_cast<size_t>(Doing::kCount)> kNames = {
      "looking at", "listing", "reading", "seeking in", "asking for the free space of"};
  return kNames[static_cast<size_t>(doing)];
}

WaitList::Token WaitList::Begin(Doing doing, std::string path) {
  std::list<Wait> one;
  one.push_back({doing, std::move(path), clock_.Now()});
  const auto wait = one.begin();
  const MutexLock lock(mutex_);
  waits_.splice(waits_.end(), one);
  return {this, wait};
}

void WaitList::End(std::list<Wait>::iterator wait) {
  std::list<Wait> one;  // freed outside of the lock
  const MutexLock lock(mutex_);
  one.splice(one.end(), waits_, wait);
  std::optional<Told>& told = told_[static_cast<size_t>(wait->doing)];
  const Duration waited = clock_.Now() - wait->since;
  if (told && waited >= told->waited) told = Told{*wait, waited};
}

bool WaitList::empty() const {
  const MutexLock lock(mutex_);
  return waits_.empty();
}

std::vector<WaitList::Wait> WaitList::Longest(Duration age, size_t most) const {
  const TimePoint begun_by = clock_.Now() - age;
  std::vector<Wait> longest;
  const MutexLock lock(mutex_);
  for (const Wait& wait : waits_) {
    if (wait.since > begun_by || longest.size() == most) break;
    longest.push_back(wait);
  }
  return longest;
}

std::optional<TimePoint> WaitList::LastOld(Duration age) const {
  const TimePoint begun_by = clock_.Now() - age;
  std::optional<TimePoint> last;
  const MutexLock lock(mutex_);
  for (const Wait& wait : waits_) {
    if (wait.since > begun_by) break;
    last = wait.since;
  }
  return last;
}

std::vector<WaitList::News> WaitList::TakeNews() {
  const TimePoint now = clock_.Now();
  std::vector<News> news;
  std::array<bool, static_cast<size_t>(Doing::kCount)> waiting{};
  const MutexLock lock(mutex_);
  for (const Wait& wait : waits_) {
    if (wait.since > now - worth_telling_) break;
    const auto kind = static_cast<size_t>(wait.doing);
    if (std::exchange(waiting[kind], true) || told_[kind]) continue;
    told_[kind] = Told{wait, now - wait.since};
    news.push_back({wait, false, now - wait.since});
  }
  for (size_t kind = 0; kind < told_.size(); ++kind) {
    if (!told_[kind] || waiting[kind]) continue;
    news.push_back({told_[kind]->longest, true, told_[kind]->waited});
    told_[kind].reset();
  }
  return news;
}

}  // namespace copper::rpc

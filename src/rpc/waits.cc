#include "copper/rpc/waits.h"

#include <algorithm>
#include <array>

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
  const auto told = told_.find(wait->doing);
  const Duration waited = clock_.Now() - wait->since;
  if (told != told_.end() && waited >= told->second.waited) told->second = {*wait, waited};
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
    waiting[static_cast<size_t>(wait.doing)] = true;
    if (!told_.try_emplace(wait.doing, wait, now - wait.since).second) continue;
    news.push_back({wait, false, now - wait.since});
  }
  std::erase_if(told_, [&](const auto& told) {
    const auto& [doing, what] = told;
    if (waiting[static_cast<size_t>(doing)]) return false;
    news.push_back({what.longest, true, what.waited});
    return true;
  });
  return news;
}

}  // namespace copper::rpc

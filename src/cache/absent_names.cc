#include "copper/cache/absent_names.h"

#include <algorithm>

#include "copper/base/path.h"

namespace copper::cache {
namespace {

constexpr auto kDropPause = std::chrono::milliseconds(100);

}  // namespace

bool AbsentNames::Note(const std::string& path, TimePoint valid_until, TimePoint now) {
  if (valid_until <= now) return true;
  const MutexLock lock(mutex_);
  if (const auto it = names_.find(path); it != names_.end()) {
    it->second = valid_until;
    return true;
  }
  if (names_.size() >= kMax && now >= drop_next_) DropOld(now);
  if (names_.size() >= kMax) return false;
  names_.emplace(path, valid_until);
  return true;
}

void AbsentNames::DropOld(TimePoint now) {
  TimePoint first = kNever;
  std::erase_if(names_, [&](const auto& name) {
    if (name.second > now) first = std::min(first, name.second);
    return name.second <= now;
  });
  drop_next_ = std::max(first, now + kDropPause);
}

std::optional<TimePoint> AbsentNames::TakeOne(const std::string& path) {
  const MutexLock lock(mutex_);
  const auto taken = names_.extract(path);
  if (taken.empty()) return std::nullopt;
  return taken.mapped();
}

std::vector<AbsentNames::Absent> AbsentNames::Take(const std::string& path) {
  std::vector<Absent> taken;
  const MutexLock lock(mutex_);
  drop_next_ = {};
  std::erase_if(names_, [&](const auto& name) {
    if (!IsAtOrBelow(name.first, path)) return false;
    taken.push_back({name.first, name.second});
    return true;
  });
  return taken;
}

size_t AbsentNames::size() const {
  const MutexLock lock(mutex_);
  return names_.size();
}

}  // namespace copper::cache

#include "copper/cache/epochs.h"

#include <algorithm>

#include "copper/base/path.h"

namespace copper::cache {
namespace {

constexpr size_t kMaxEnded = 64;

// Whether refreshing `path` makes a listing of `directory` untrue.
bool Concerns(const std::string& path, std::string_view directory) {
  return IsAtOrBelow(directory, path) || ParentPath(path) == directory;
}

}  // namespace

Epoch Epochs::OfPath(std::string_view path) const {
  Epoch latest = 0;
  while (true) {
    if (const auto it = refreshed_.find(path); it != refreshed_.end()) latest = std::max(latest, it->second);
    if (path == "/") return latest;
    path = ParentPath(path);
  }
}

Epoch Epochs::OfNames(std::string_view directory) const {
  const auto it = changed_.find(directory);
  return std::max(OfPath(directory), it == changed_.end() ? 0 : it->second);
}

Epoch Epochs::Of(std::string_view path, AskedOf asked) const {
  if (!any_) return 0;
  const ReaderLock lock(mutex_);
  const auto concerns = [&](const Open& one) { return IsAtOrBelow(path, one.path); };
  if (asked == AskedOf::kParent && std::ranges::any_of(open_, concerns)) return next_odd_.fetch_add(2);
  return OfPath(path);
}

Epoch Epochs::OfListing(std::string_view directory, AskedOf asked) const {
  if (!any_) return 0;
  const ReaderLock lock(mutex_);
  const auto concerns = [&](const Open& one) { return Concerns(one.path, directory); };
  if (asked == AskedOf::kParent && std::ranges::any_of(open_, concerns)) return next_odd_.fetch_add(2);
  return OfNames(directory);
}

bool Epochs::Begin(const RefreshId& id, const std::string& path, TimePoint until,
                   const std::function<void(Epoch old, Epoch now)>& carry) {
  const WriterLock lock(mutex_);
  const bool known = std::ranges::find(open_, id, &Open::id) != open_.end();
  if (known || std::ranges::find(ended_, id) != ended_.end()) return false;
  const std::string directory(ParentPath(path));
  const Epoch before = OfNames(directory);
  last_ += 2;
  refreshed_[path] = last_;
  changed_[directory] = last_;
  carry(before, last_);
  if (refreshed_.size() + changed_.size() >= prune_at_) Prune();
  open_.push_back({id, path, until});
  any_ = true;
  return true;
}

// Epochs that are no later than that of something above say nothing.
void Epochs::DropSuperfluous() {
  std::erase_if(refreshed_, [this](const auto& one) REQUIRES(mutex_) { return OfPath(one.first) > one.second; });
  std::erase_if(changed_, [this](const auto& one) REQUIRES(mutex_) { return OfPath(one.first) >= one.second; });
}

// Done each time the tables have doubled, up to their bound. Beyond that the epoch of a path becomes that of all beside
// it: nothing of these was kept in it, so nothing old comes back.
void Epochs::Prune() {
  DropSuperfluous();
  while (refreshed_.size() + changed_.size() > kMostPaths / 2) {
    EpochByPath wider;
    for (const auto& [path, epoch] : refreshed_) {
      Epoch& latest = wider[std::string(ParentPath(path))];
      latest = std::max(latest, epoch);
    }
    refreshed_ = std::move(wider);
    DropSuperfluous();
  }
  prune_at_ = std::max<size_t>(prune_at_, 2 * (refreshed_.size() + changed_.size()));
}

size_t Epochs::size() const {
  const ReaderLock lock(mutex_);
  return refreshed_.size() + changed_.size();
}

bool Epochs::End(const RefreshId& id) {
  const WriterLock lock(mutex_);
  if (std::erase_if(open_, [&](const Open& one) { return one.id == id; }) == 0) return false;
  ended_.push_back(id);
  if (ended_.size() > kMaxEnded) ended_.erase(ended_.begin());
  return true;
}

std::vector<Epochs::Open> Epochs::Overdue(TimePoint now) const {
  std::vector<Open> overdue;
  if (!any_) return overdue;
  const ReaderLock lock(mutex_);
  std::ranges::copy_if(open_, std::back_inserter(overdue), [&](const Open& one) { return one.until <= now; });
  return overdue;
}

bool Epochs::IsOpen(const RefreshId& id) const {
  const ReaderLock lock(mutex_);
  return std::ranges::find(open_, id, &Open::id) != open_.end();
}

bool Epochs::any_open() const {
  if (!any_) return false;
  const ReaderLock lock(mutex_);
  return !open_.empty();
}

}  // namespace copper::cache

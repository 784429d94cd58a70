#include "storage/open_files.h"

#include <algorithm>

namespace copper::storage {

OpenFiles::Moment OpenFiles::Begin() const {
  const MutexLock lock(mutex_);
  return drops_;
}

OpenFiles::File OpenFiles::Find(const std::string& path, const FileVersion& version) {
  const MutexLock lock(mutex_);
  const auto it = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.Is(path, version); });
  if (it == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it);
  return it->file;
}

void OpenFiles::Keep(const std::string& path, const FileVersion& version, File file, Moment begun) {
  std::list<Entry> leaving;  // closed after the lock: close(2) may talk to a server
  const MutexLock lock(mutex_);
  if (begun != drops_) return;
  const bool kept = std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.Is(path, version); });
  if (kept) return;  // two threads opened it at once; one descriptor is enough
  entries_.push_front({path, version, std::move(file)});
  if (entries_.size() > kCapacity) leaving.splice(leaving.begin(), entries_, std::prev(entries_.end()));
}

void OpenFiles::Drop(const std::string& path, const FileVersion& version) {
  std::list<Entry> leaving;
  const MutexLock lock(mutex_);
  ++drops_;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (entry->Is(path, version)) leaving.splice(leaving.begin(), entries_, entry);
  }
}

}  // namespace copper::storage

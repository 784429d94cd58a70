#include "faults.h"

#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace copper::source_fs {
namespace {

constexpr auto kLookForInterrupts = std::chrono::milliseconds(10);

}  // namespace

void Faults::Add(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::move(fault));
}

void Faults::Clear() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
  ++clears_;
  cleared_.notify_all();
}

int Faults::hanging() const {
  const std::lock_guard lock(mutex_);
  return hanging_;
}

std::list<Fault> Faults::Hits(Operation operation, const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::list<Fault> hits;
  for (Fault& fault : faults_) {
    if (fault.operation && *fault.operation != operation) continue;
    if (fault.times == 0 || fnmatch(fault.pattern.c_str(), path.c_str(), 0) != 0) continue;
    if (fault.times > 0) --fault.times;
    hits.push_back(fault);
  }
  return hits;
}

Faults::Effect Faults::Apply(Operation operation, const std::string& path, const std::function<bool()>& interrupted) {
  Effect effect;
  for (const Fault& fault : Hits(operation, path)) {
    switch (fault.kind) {
      case Fault::Kind::kError:
        effect.error = static_cast<int>(fault.value);
        break;
      case Fault::Kind::kShort:
        effect.longest = std::min<size_t>(effect.longest, fault.value);
        break;
      case Fault::Kind::kDelay:
        std::this_thread::sleep_for(std::chrono::milliseconds(fault.value));
        break;
      case Fault::Kind::kHang:
        if (const int error = Hang(interrupted); error != 0) return {.error = error};
        break;
    }
  }
  return effect;
}

int Faults::Hang(const std::function<bool()>& interrupted) {
  std::unique_lock lock(mutex_);
  const uint64_t before = clears_;
  ++hanging_;
  while (clears_ == before && !interrupted()) cleared_.wait_for(lock, kLookForInterrupts);
  --hanging_;
  return clears_ == before ? EINTR : 0;
}

}  // namespace copper::source_fs

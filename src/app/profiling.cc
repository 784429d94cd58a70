#include "app/profiling.h"

#include <algorithm>

namespace copper::app {
namespace {

// Paths are recorded in an eighth of what the cache may hold, beside it; in 16 MiB where that is more.
constexpr uint64_t kBytesPerPath = 256;
constexpr uint64_t kFewestPaths = 65'536;

}  // namespace

std::unique_ptr<profile::Recorder> MakeRecorder(const Options& options, uint64_t budget_bytes, const Clock& clock) {
  if (!options.IsProfiling()) return nullptr;
  profile::Recorder::Options recorded;
  recorded.top_n = options.profile_top_n;
  recorded.paths_full = options.profile_paths_full;
  recorded.most_paths = std::max<uint64_t>(kFewestPaths, budget_bytes / 8 / kBytesPerPath);
  return std::make_unique<profile::Recorder>(recorded, clock);
}

}  // namespace copper::app

#include "app/open_files.h"

#include <algorithm>
#include <cerrno>

#include "copper/storage/source_share.h"

namespace copper::app {
namespace {

// MPI, the fabric, mounter, job directory and loop: some 50 were seen with MPICH over UCX, and libfabric over TCP.
constexpr uint64_t kOwn = 80;
// Neighbours in all trees, and who asks for status and refreshes.
constexpr uint64_t kMostPeers = 512;
// A look at a name and a listing may have two directories open.
constexpr uint64_t kOfAnOperation = 2;
constexpr uint64_t kKeptOpen = 32;  // large files, for their next chunk

}  // namespace

uint64_t OpenFilesNeeded(const Options& options, uint32_t ranks) {
  const uint32_t trees = options.TreesOf(ranks);
  const storage::SourceShare share = storage::ShareOut(options.SourceOpsOf(trees), trees, ranks);
  const uint64_t operations = share.root + share.detour + storage::kLocalThreads;
  return kOwn + std::min<uint64_t>(ranks - 1, kMostPeers) + kOfAnOperation * operations + kKeptOpen;
}

Status CheckOpenFiles(const Options& options, uint32_t ranks, uint64_t limit, bool at_once) {
  const uint64_t needed = OpenFilesNeeded(options, ranks);
  if (limit >= (at_once ? kOwn : needed)) return {};
  return Fail(EMFILE, "a rank of this job needs up to " + std::to_string(needed) + " open files, but may have " +
                          std::to_string(limit) + ": raise the hard limit on them (ulimit -Hn)");
}

}  // namespace copper::app

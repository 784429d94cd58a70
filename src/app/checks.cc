#include "app/checks.h"

#include <algorithm>
#include <cerrno>

#include "copper/storage/source_share.h"

namespace copper::app {
namespace {

// MPI, the fabric, mounter, job directory and loop: some 50 were seen with MPICH over UCX, and libfabric over TCP.
constexpr uint64_t kOwn = 80;
// Neighbours in all trees, and who asks for status and refreshes.
constexpr uint64_t kMostPeers = 512;

}  // namespace

Status CheckAddressSpace(uint64_t limit) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  constexpr uint64_t kLeast = 128 * kMiB;  // MPICH over UCX hung with 95
  if (limit >= kLeast) return {};
  return Fail(ENOMEM, "a rank may map " + std::to_string(limit / kMiB) +
                          " MiB, and MPI, the fabric and their libraries alone take up to " +
                          std::to_string(kLeast / kMiB) + ": raise the limit (ulimit -v)");
}

uint64_t OpenFilesNeeded(const Options& options, uint32_t ranks) {
  const uint32_t trees = options.TreesOf(ranks);
  const storage::SourceShare share = storage::ShareOut(options.SourceOpsOf(trees), trees, ranks);
  return kOwn + std::min<uint64_t>(ranks - 1, kMostPeers) + storage::OpenFilesOf(share);
}

Status CheckOpenFiles(const Options& options, uint32_t ranks, uint64_t limit, bool at_once) {
  const uint64_t needed = OpenFilesNeeded(options, ranks);
  if (limit >= (at_once ? kOwn : needed)) return {};
  return Fail(EMFILE, "a rank of this job needs up to " + std::to_string(needed) + " open files, but may have " +
                          std::to_string(limit) + ": raise the hard limit on them (ulimit -Hn)");
}

}  // namespace copper::app

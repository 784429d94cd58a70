// What a rank counts: each event once, where it was decided, by whoever decided it. Relaxed atomics; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace copper::profile {

// Requests of the kernel, then those of children.
enum class Operation : uint8_t {
  kLookup,
  kGetattr,
  kReadlink,
  kOpen,
  kRead,
  kReaddir,
  kReaddirplus,
  kStatfs,
  kAccess,
  kGetxattr,
  kLseek,
  kIoctl,
  kForget,
  kOther,
  kPeerLook,
  kPeerList,
  kPeerRead,
  kPeerSeek,
  kCount
};
std::string_view Name(Operation operation);  // "lookup", "getattr", ..., "peer_look", ...
constexpr bool IsPeer(Operation operation) {
  return operation >= Operation::kPeerLook;
}

enum class Event : uint8_t {
  // Of fetch. How what somebody asked for (the kernel or a child) was come by, one of three for each:
  kHits,       // from this rank's tables
  kMisses,     // asked of the parent or the source
  kCoalesced,  // waited for what somebody else had asked for
  kNegative,   // answered: absent
  kErrors,     // answered: an errno
  // Own cache: what readers and children were given at once. Parent and source: what was fetched, ahead of readers too.
  kBytesFromCache,
  kBytesFromParent,
  kBytesFromSource,
  kBytesToChildren,
  kLooksAtSource,
  kListsAtSource,
  kReadsAtSource,  // operations on the source
  kRequestsToParent,
  kRequestsFromChildren,
  kStale,
  kDetours,      // reads of the source in place of a parent that does not answer
  kLostParents,  // how often a parent was found not to answer
  // Absences. One is what a name's entry says, or a listing of all names that it lacks.
  kTtlStores,   // taken into a table,
  kTtlServes,   // answered from one,
  kTtlExpires,  // found too old to be believed,
  kTtlClears,   // and taken out early, by a refresh
  kCorrupt,     // chunks and listings that were not what was read from the source: asked for again elsewhere
  kCount
};
std::string_view Name(Event event);

class Counters {
 public:
  void Count(Operation operation) { Add(operations_[static_cast<size_t>(operation)], 1); }
  void Count(Event event, uint64_t n = 1) { Add(events_[static_cast<size_t>(event)], n); }
  uint64_t Get(Operation operation) const { return operations_[static_cast<size_t>(operation)].load(kRelaxed); }
  uint64_t Get(Event event) const { return events_[static_cast<size_t>(event)].load(kRelaxed); }
  uint64_t requests() const;  // of the kernel

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static void Add(std::atomic<uint64_t>& counter, uint64_t n) { counter.fetch_add(n, kRelaxed); }
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Operation::kCount)> operations_{};
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Event::kCount)> events_{};
};

}  // namespace copper::profile

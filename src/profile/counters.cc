#include "copper/profile/counters.h"

namespace copper::profile {

std::string_view Name(Operation operation) {
  static constexpr std::string_view kNames[] = {
      "lookup",   "getattr", "readlink", "open",   "read",  "readdir",   "readdirplus", "statfs",    "access",
      "getxattr", "lseek",   "ioctl",    "forget", "other", "peer_look", "peer_list",   "peer_read", "peer_seek"};
  static_assert(std::size(kNames) == static_cast<size_t>(Operation::kCount));
  return kNames[static_cast<size_t>(operation)];
}

std::string_view Name(Event event) {
  static constexpr std::string_view kNames[] = {"hits",
                                                "misses",
                                                "coalesced",
                                                "negative",
                                                "errors",
                                                "bytes_from_cache",
                                                "bytes_from_parent",
                                                "bytes_from_source",
                                                "bytes_to_children",
                                                "looks_at_source",
                                                "lists_at_source",
                                                "reads_at_source",
                                                "requests_to_parent",
                                                "requests_from_children",
                                                "stale",
                                                "detours",
                                                "lost_parents",
                                                "ttl_stores",
                                                "ttl_serves",
                                                "ttl_expires",
                                                "ttl_clears",
                                                "corrupt"};
  static_assert(std::size(kNames) == static_cast<size_t>(Event::kCount));
  return kNames[static_cast<size_t>(event)];
}

uint64_t Counters::requests() const {
  uint64_t total = 0;
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (!IsPeer(static_cast<Operation>(i))) total += operations_[i].load(kRelaxed);
  }
  return total;
}

}  // namespace copper::profile

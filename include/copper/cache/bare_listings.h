// What listings without attributes cost the ranks, at the root of the directories' trees.
//
// Where looking at names is expensive a listing comes without their attributes, and the source is spared a look at each
// name that nobody asks for. In exchange each name that is asked for is a request, on every rank; so is each name of a
// directory that waits to be listed until a name is found absent. That is worth it as long as it spares the source more
// than it costs the ranks: once the requests that came to the root are half as many as the names that it has not looked
// at (the other half is for what is under way meanwhile), it looks at these, and completes the listing. Its replies to
// requests by name then say that a listing answers them, and whoever hears that asks for it.
//
// Any thread; its lock is a leaf.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "copper/base/mutex.h"
#include "copper/names/attributes.h"
#include "copper/names/listing.h"

namespace copper::cache {

class BareListings {
 public:
  // So many requests by name are worth the listing of a directory that nobody has listed.
  static constexpr uint64_t kWorthAListing = 16;
  // The directories that are remembered; beyond that all are forgotten, and counted anew.
  static constexpr size_t kMostDirectories = 4'096;

  enum class Advice { kNone, kList, kComplete };

  // Listings of more names carry no attributes anyway.
  explicit BareListings(size_t most_with_attributes) : most_with_attributes_(most_with_attributes) {}

  // For one of its names of which `listing` does not tell: a request of another rank, and a look at the source. null:
  // the directory is not listed.
  Advice NoteRequest(const std::string& directory, const Listing* listing) {
    const MutexLock lock(mutex_);
    Spent& spent = Of(directory, listing);
    ++spent.requests;
    if (listing == nullptr) return spent.requests == kWorthAListing ? Advice::kList : Advice::kNone;
    if (2 * spent.requests + spent.looks <= spent.worth) return Advice::kNone;
    spent.worth = 2 * (2 * spent.requests + spent.looks);  // should that not bring them
    return Advice::kComplete;
  }
  void NoteLook(const std::string& directory, const Listing* listing) {
    const MutexLock lock(mutex_);
    ++Of(directory, listing).looks;
  }

 private:
  struct Spent {
    uint64_t requests = 0, looks = 0;
    uint64_t worth = 0;                 // how much of them
    std::optional<FileVersion> judged;  // of the directory, when that was counted

    // A listing that lacks only a few of its attributes lacks them for other reasons: they can't be had, or have just
    // been refreshed.
    void Judge(const FileVersion& version, const Listing& listing, size_t most_with_attributes) {
      if (judged) requests = looks = 0;
      judged = version;
      const auto bare = static_cast<uint64_t>(
          std::ranges::count_if(listing.entries(), [](const DirectoryEntry& e) { return !e.has_attributes(); }));
      const bool is_for_cost = 2 * bare >= listing.size() && listing.size() <= most_with_attributes;
      worth = is_for_cost ? bare : UINT64_MAX;
    }
  };

  Spent& Of(const std::string& directory, const Listing* listing) REQUIRES(mutex_) {
    if (spent_.size() == kMostDirectories && !spent_.contains(directory)) spent_.clear();
    Spent& spent = spent_[directory];
    if (listing != nullptr && spent.judged != listing->directory().version()) {
      spent.Judge(listing->directory().version(), *listing, most_with_attributes_);
    }
    return spent;
  }

  const size_t most_with_attributes_;
  Mutex mutex_;
  std::unordered_map<std::string, Spent> spent_ GUARDED_BY(mutex_);  // by directory
};

}  // namespace copper::cache

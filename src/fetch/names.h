// What a path is: found in a table, in the listing of its directory, or asked for by name.
#pragma once

#include <memory>
#include <optional>

#include "context.h"
#include "copper/cache/bare_listings.h"
#include "fetch/single_flight.h"
#include "listings.h"
#include "pool_calls.h"
#include "upstream.h"

namespace copper::fetch {

class Names {
 public:
  using FoundDone = std::move_only_function<void(Result<Found>)>;

  Names(const Context& context, Upstream& upstream, Listings& listings)
      : context_(context), upstream_(upstream), listings_(listings) {}

  void Look(const std::string& path, const Ask& ask, FoundDone done);
  void Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond);
  bool Expire(TimePoint now);

 private:
  enum class Next { kAnswer, kAskListing, kAskByName };
  struct Verdict {
    Next next;
    Found found;  // for kAnswer
  };

  // The directory that a name is in, and what the table has of it: looked into once.
  struct Directory {
    cache::PathKey key;
    std::optional<cache::ListingEntry> listed;
  };

  cache::PathKey KeyOf(const std::string& path) const;
  Directory DirectoryOf(const std::string& path) const;
  std::optional<Found> FoundIn(const std::optional<cache::PathEntry>& entry) const;
  std::optional<Found> FindInMetadata(const cache::PathKey& key) const;
  bool IsOfDirectory(const std::string& path, const std::string& directory) const;
  // What the table of listings says. `is_fresh`: the directory has just been listed or looked at, whatever its TTL.
  Verdict Judge(const std::string& path, const Directory& directory, bool is_fresh) const;
  Verdict JudgeByListing(const std::string& path, const cache::ListingEntry& listed, bool is_fresh) const;
  // `way`: how it was come by.
  void Answer(const Ask& ask, const Result<Found>& found, Way way, FoundDone done) const;
  void AskListing(const std::string& path, const cache::PathKey& directory, const Ask& ask, FoundDone done);
  // `waited`: how its listing was come by, which did not answer.
  void AskByName(const cache::PathKey& key, const Ask& ask, Way waited, FoundDone done);
  void Fetch(const cache::PathKey& key, const Ask& ask);
  void OnReply(const cache::PathKey& key, const rpc::Reply& reply, const Ask& ask);
  void ReadSource(const cache::PathKey& key, const Ask& ask);
  void Finish(const cache::PathKey& key, const Result<Found>& found, const Ask& ask);
  bool IsListedLate(std::string_view directory) const;
  // After a name was found absent: lists its directory, if that waited for it.
  void ListLate(const std::string& path, const Ask& ask);
  // What the listing of its directory that this rank holds says of a name.
  enum class Told { kNothing, kAllOfIt, kNoAttributes, kDirectoryNotListed };
  static Told ToldOf(const std::string& path, const Directory& directory);
  // At the root: requests and looks that a listing with attributes would have spared.
  bool IsAskedByNameForCost(const std::string& path, const Directory& directory, const Ask& ask) const;
  void NoteRequest(const std::string& path, const Directory& directory, const Ask& ask);
  void NoteLook(const std::string& path, const Ask& ask);
  // Looks at all names of a listing that it does not tell of, side by side, and completes it.
  struct Filling;
  void Fill(const std::string& directory, ListingPtr listing, const Ask& ask);
  void SubmitFilling(const std::shared_ptr<Filling>& filling);
  void FillOne(const std::shared_ptr<Filling>& filling);
  void CompleteListing(const Filling& filling);
  // Below it: the parent has answered a request by name from a listing.
  void HearOfListing(const std::string& path, const Ask& ask);
  Result<Found> Keep(const cache::PathKey& key, Result<Attributes> seen, TimePoint absent_until);
  rpc::Reply ReplyOf(const Found& found, bool by_listing) const;
  void LookLocally(const std::string& path, storage::Sharing sharing, const Ask& ask, FoundDone done);

  const Context& context_;
  Upstream& upstream_;
  Listings& listings_;
  SingleFlight<cache::PathKey, Found> flights_;
  PoolCalls<Found> local_;
  cache::BareListings bare_{storage::kMostWithAttributes};
};

}  // namespace copper::fetch

// The listings of directories: fetched whole, renewed when their time is over, served to children in pieces.
#pragma once

#include <map>
#include <vector>

#include "context.h"
#include "copper/names/listing_assembly.h"
#include "fetch/single_flight.h"
#include "pool_calls.h"
#include "upstream.h"

namespace copper::fetch {

enum class Purpose {
  kLookup,         // to know one name: not worth listing a huge directory
  kReadDirectory,  // to know all names
};

class Listings {
 public:
  using ListingDone = Done<cache::ListingEntry>;

  Listings(const Context& context, Upstream& upstream) : context_(context), upstream_(upstream) {}
  void SetChangeListener(ChangeListener* listener) { listener_ = listener; }

  // Where the table has what is asked for now of this directory.
  cache::PathKey KeyOf(std::string_view path) const;
  // A listing whose time is not over. One that is over is renewed by a look at the directory's own times at the root.
  // kLookup: EFBIG for a directory of more than lookup_list_limit names. One fetch at a time, whatever it is for:
  // beside one for all names a lookup waits for these.
  void Get(const cache::PathKey& directory, Purpose purpose, const Ask& ask, ListingDone done);
  // Gets the parent's listing again, in the background: it has more attributes by now than the one that is held.
  void GetAnew(const cache::PathKey& directory, const Ask& ask);
  // The same listing with these attributes, by the entry's place in it, takes its place, unless another one has.
  void Complete(const std::string& path, const ListingPtr& listing, const std::map<size_t, Attributes>& attributes);
  // Lookups ask by name for a while: a listing is not to be had in time. Nothing if something is known of the
  // directory.
  void DoWithout(const cache::PathKey& directory);
  // Whether the listing of this directory is being fetched.
  bool IsComing(const cache::PathKey& directory);
  // Of a directory of this node's own.
  void GetLocally(const std::string& path, const Ask& ask, std::move_only_function<void(Result<Listed>)> done);
  void Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond);
  // What the table has, whether or not its time is over.
  std::optional<cache::ListingEntry> Find(const cache::PathKey& directory) const;
  // The names beside a path that is being refreshed keep their versions: the listing of its directory goes over into
  // the new epoch, to be listed anew, and without what it says of this path.
  // That listing is made beforehand, since carrying it is done under a lock.
  struct Carried {
    ListingPtr from, rest;
  };
  Carried Without(const std::string& path) const;
  void Carry(const std::string& path, Carried carried, cache::Epoch old, cache::Epoch now) const;
  bool Expire(TimePoint now);

 private:
  static size_t Charge(const std::string& path, const cache::ListingEntry& entry);
  Carried Without(const std::string& path, const ListingPtr& listing) const;
  std::optional<cache::ListingEntry> FindValid(const cache::PathKey& key) const;
  bool IsValid(const cache::ListingEntry& entry) const;
  size_t Limit(Purpose purpose) const { return purpose == Purpose::kLookup ? context_.options.lookup_list_limit : 0; }
  // What a leader fetches.
  struct Wanted {
    cache::PathKey key;  // where the table has it
    Purpose purpose;
    ListingPtr known;  // what is to be renewed, or null
    Ask ask;
    bool anew = false;      // what is known does not do
    unsigned restarts = 0;  // how often its pieces did not fit together
  };
  void Fetch(const Wanted& wanted);
  // `done`, for who wants all names and may join a fetch that ends where they are too many for a lookup.
  ListingDone OrAllNames(const cache::PathKey& directory, const Ask& ask, ListingDone done);
  void OnReply(const Wanted& wanted, const rpc::Reply& reply);
  // A listing of more than one piece, of which the first is there.
  struct Pieces;
  void FetchPiece(const std::shared_ptr<Pieces>& pieces, uint64_t piece);
  void AddPiece(const std::shared_ptr<Pieces>& pieces, uint64_t piece, const Result<Bytes>& bytes);
  void OnUnfit(Wanted wanted, const Error& error);
  Result<cache::ListingEntry> ReadSource(const Wanted& wanted);
  // Names that are known already keep the version that they were first seen with.
  Result<Listing> KeepKnownVersions(const std::string& path, const ListingPtr& known, Listing listing) const;
  Result<Listing> WithAttributes(const Listing& listing, const std::map<size_t, Attributes>& attributes) const;
  std::optional<Attributes> KnownAttributes(const std::string& path, const ListingPtr& known,
                                            const DirectoryEntry& entry) const;
  // A listing that this rank has made is sealed by it.
  ListingPtr Share(const std::string& path, Listing listing) const;
  cache::ListingEntry Keep(const cache::PathKey& key, const ListingPtr& known, cache::ListingEntry entry);
  void Finish(const Wanted& wanted, const Result<cache::ListingEntry>& result);
  void TellChanges(const std::string& path, const Listing& known, const Listing& listing) const;
  // `now` is what a listing says of its own directory.
  void NoteIdentity(const std::string& path, const Attributes& now) const;
  rpc::Reply PieceOf(const rpc::Request& request, const cache::ListingEntry& entry);

  const Context& context_;
  Upstream& upstream_;
  ChangeListener* listener_ = nullptr;
  SingleFlight<cache::PathKey, cache::ListingEntry> flights_;
  PoolCalls<Listed> local_;
};

}  // namespace copper::fetch

#include "listings.h"

#include "copper/base/attempt.h"
#include "copper/base/chunk_size.h"
#include "copper/base/path.h"
#include "copper/names/listing_changes.h"
#include "copper/names/same_directory.h"
#include "copper/rpc/contents.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

using cache::ListingEntry;
using profile::Event;

// New names of a directory that are told to the kernel one by one.
constexpr size_t kMostTold = 65'536;
// How often a listing is asked for anew when its parent renews it between two pieces.
constexpr unsigned kMostRestarts = 3;
// What makes a directory one whose names are asked for one by one.
bool MustAskByName(const Error& error) {
  return error.code == EFBIG || error.code == ENOMEM || error.code == EACCES || error.code == EPERM;
}

// Names may come and go with the mtime put back (tar, rsync -t): so the ctime counts, too.
bool IsUnchanged(const Listing& known, const FileVersion& version, const FileTime& ctime) {
  return known.directory().version() == version && known.directory().ctime == ctime;
}

rpc::Request PieceRequest(const std::string& path, FileVersion version, uint64_t piece, size_t limit) {
  rpc::Request request;
  request.kind = rpc::Kind::kList;
  request.path = path;
  request.version = version;
  request.argument = piece;
  request.argument2 = static_cast<uint32_t>(limit);
  return request;
}

}  // namespace

void Listings::Get(const cache::PathKey& directory, Purpose purpose, const Ask& ask, ListingDone done) {
  auto cached = Find(directory);
  if (cached && IsValid(*cached)) return done(*std::move(cached), Way::kHit);
  const bool by_name = cached && !cached->listing && cached->valid_until > context_.Now();
  if (by_name && purpose == Purpose::kLookup) return done(Fail(EFBIG), Way::kHit);
  if (purpose == Purpose::kReadDirectory) done = OrAllNames(directory, ask, std::move(done));
  const auto find = [&] { return FindValid(directory); };
  if (flights_.Join(directory, ask.deadline, find, std::move(done)) != Way::kMiss) return;
  context_.parts.channel.WantTicks();
  const ListingPtr known = cached ? cached->listing : nullptr;
  if (known && known->answers_absence()) context_.parts.counters.Count(Event::kTtlExpires);
  Fetch({directory, purpose, known, ask});
}

Listings::ListingDone Listings::OrAllNames(const cache::PathKey& directory, const Ask& ask, ListingDone done) {
  return [this, directory, ask, done = std::move(done)](Result<ListingEntry> listed, Way way) mutable {
    const bool was_for_lookup = !listed && listed.error().code == EFBIG && way == Way::kCoalesced;
    if (was_for_lookup) return Get(directory, Purpose::kReadDirectory, ask, std::move(done));
    done(std::move(listed), way);
  };
}

void Listings::GetAnew(const cache::PathKey& directory, const Ask& ask) {
  const auto find = []() -> std::optional<ListingEntry> { return std::nullopt; };
  if (flights_.Join(directory, ask.deadline, find, {}) != Way::kMiss) return;
  context_.parts.channel.WantTicks();
  const auto cached = Find(directory);
  Fetch({directory, Purpose::kReadDirectory, cached ? cached->listing : nullptr, ask, /*anew=*/true});
}

bool Listings::IsComing(const cache::PathKey& directory) {
  return flights_.IsFlying(directory);
}

void Listings::DoWithout(const cache::PathKey& directory) {
  if (!cache::Epochs::IsKept(directory.epoch) || Find(directory)) return;  // what is known of it stays
  context_.parts.cache.listings().Put(directory, {nullptr, context_.Now() + kWithoutListing}, directory.path.size());
}

cache::PathKey Listings::KeyOf(std::string_view path) const {
  const TreeId tree = context_.parts.forest.OfDirectory(path);
  return {std::string(path), context_.epochs.OfListing(path, context_.Asked(tree))};
}

std::optional<ListingEntry> Listings::Find(const cache::PathKey& directory) const {
  return context_.parts.cache.listings().Get(directory);
}

bool Listings::IsValid(const ListingEntry& entry) const {
  return entry.listing && entry.valid_until > context_.Now();
}

std::optional<ListingEntry> Listings::FindValid(const cache::PathKey& key) const {
  auto entry = Find(key);
  return entry && IsValid(*entry) ? std::move(entry) : std::nullopt;
}

void Listings::Fetch(const Wanted& wanted) {
  const auto& [key, purpose, known, ask, anew, restarts] = wanted;
  const bool may_stay = known && known->answers_absence() && !anew;
  const FileVersion version = may_stay ? known->directory().version() : FileVersion{};
  rpc::Request request = PieceRequest(key.path, version, 0, Limit(purpose));
  if (may_stay) request.ctime = known->directory().ctime;
  upstream_.Fetch(context_.parts.forest.OfDirectory(key.path), std::move(request), ask,
                  {.reply = [this, wanted](const rpc::Reply& reply) { OnReply(wanted, reply); },
                   .read = [this, wanted] { Finish(wanted, ReadSource(wanted)); },
                   .is_wanted = [this, key] { return flights_.IsWanted(key); }});
}

// At the root, and on a detour.

Result<ListingEntry> Listings::ReadSource(const Wanted& wanted) {
  const auto& [key, purpose, known, ask, anew, restarts] = wanted;
  storage::BackingStore& store = context_.parts.store;
  const TimePoint until = context_.AbsentUntil();
  // A directory that had settled before it was listed, and has the same times now, has the same names.
  if (known && known->answers_absence() && !anew) {
    context_.parts.counters.Count(Event::kLooksAtSource);
    const Result<Attributes> now = store.Look(key.path);
    if (!now) return std::unexpected(now.error());
    if (IsUnchanged(*known, now->version(), now->ctime)) return Keep(key, known, {known, until});
  }
  context_.parts.counters.Count(Event::kListsAtSource);
  const size_t most_bytes = context_.options.listing_limit_bytes;
  Result<Listing> listing = store.List(key.path, {Limit(purpose), most_bytes});
  if (!listing) {
    if (listing.error().code != EFBIG) context_.LogSourceError("list", key.path, listing.error());
    return std::unexpected(listing.error());
  }
  listing = Attempt([&] { return KeepKnownVersions(key.path, known, *std::move(listing)); });
  if (!listing) return std::unexpected(listing.error());
  return Keep(key, known, {Share(key.path, *std::move(listing)), until});
}

ListingPtr Listings::Share(const std::string& path, Listing listing) const {
  listing.SetSeal(context_.SealOf(rpc::Kind::kList, path, listing.directory().version(), 0, listing.packed()));
  return std::make_shared<const Listing>(std::move(listing));
}

Result<Listing> Listings::KeepKnownVersions(const std::string& path, const ListingPtr& known, Listing listing) const {
  std::map<size_t, Attributes> different;  // from those in the listing, by the entry's place in it
  for (size_t i = 0; i < listing.size(); ++i) {
    const DirectoryEntry entry = listing[i];
    std::optional<Attributes> seen = KnownAttributes(path, known, entry);
    if (seen && seen != entry.attributes()) different.emplace(i, *std::move(seen));
  }
  if (different.empty()) return listing;
  return WithAttributes(listing, different);
}

Result<Listing> Listings::WithAttributes(const Listing& listing, const std::map<size_t, Attributes>& attributes) const {
  const auto attributes_of = [&](size_t place, const DirectoryEntry& entry) {
    const auto it = attributes.find(place);
    return it != attributes.end() ? it->second : entry.attributes();
  };
  return copper::WithAttributes(listing, attributes_of, listing.answers_absence(),
                                context_.options.listing_limit_bytes);
}

void Listings::Complete(const std::string& path, const ListingPtr& listing,
                        const std::map<size_t, Attributes>& attributes) {
  Result<Listing> complete = Attempt([&] { return WithAttributes(*listing, attributes); });
  const cache::PathKey key = KeyOf(path);
  auto entry = Find(key);
  if (!complete || !cache::Epochs::IsKept(key.epoch) || !entry || entry->listing != listing) return;
  entry->listing = Share(path, *std::move(complete));
  context_.parts.cache.listings().Put(key, *entry, Charge(path, *entry));
}

// What a name was said to be. Where the listing leaves it open, whoever asks by name is told from the metadata table.
std::optional<Attributes> Listings::KnownAttributes(const std::string& path, const ListingPtr& known,
                                                    const DirectoryEntry& entry) const {
  if (known) {
    const auto before = known->Find(entry.name);
    if (before && before->has_attributes()) return before->attributes();
  }
  if (!entry.has_attributes()) return std::nullopt;
  const std::string name = JoinPath(path, entry.name);
  const auto seen = context_.parts.cache.metadata().Get({name, context_.epochs.Of(name, AskedOf::kSource)});
  if (!seen || !seen->attributes) return std::nullopt;
  return *seen->attributes;
}

// Below the root.

struct Listings::Pieces {
  Wanted wanted;
  FileVersion version;
  Seal seal;  // of all of it
  Rank from;
  TimePoint until;
  ListingAssembly assembly;
};

void Listings::OnReply(const Wanted& wanted, const rpc::Reply& reply) {
  const auto& [key, purpose, known, ask, anew, restarts] = wanted;
  if (reply.error != 0) return Finish(wanted, Fail(reply.error));
  const TimePoint until = rpc::DecodeValidity(reply.argument2, context_.Now());
  if ((reply.flags & rpc::kUnchanged) != 0 && known) return Finish(wanted, Keep(key, known, {known, until}));
  const uint64_t size = reply.argument;
  if (size == 0) return Finish(wanted, Fail(EBADMSG));
  if (size > context_.options.listing_limit_bytes) return Finish(wanted, Fail(ENOMEM));
  std::shared_ptr<Pieces> pieces;
  const Status room = Attempt([&] {
    pieces.reset(
        new Pieces{wanted, reply.version, reply.seal, reply.from, until, ListingAssembly(size, reply.payload)});
  });
  if (!room) return Finish(wanted, std::unexpected(room.error()));
  for (uint64_t piece = 1; piece < ListingAssembly::Pieces(size); ++piece) FetchPiece(pieces, piece);
  AddPiece(pieces, 0, reply.payload);
}

void Listings::FetchPiece(const std::shared_ptr<Pieces>& pieces, uint64_t piece) {
  const auto& [key, purpose, known, ask, anew, restarts] = pieces->wanted;
  upstream_.Fetch(context_.parts.forest.OfDirectory(key.path),
                  PieceRequest(key.path, pieces->version, piece, Limit(purpose)), ask,
                  {.reply =
                       [this, pieces, piece](const rpc::Reply& reply) {
                         // Another seal: of another listing of this version.
                         const int error = reply.error == 0 && reply.seal != pieces->seal ? ESTALE : reply.error;
                         AddPiece(pieces, piece, error != 0 ? Fail(error) : Result<Bytes>(reply.payload));
                       },
                   // The source has no pieces: whoever is here first reads all of it.
                   .read =
                       [this, pieces] {
                         if (!pieces->assembly.Abandon()) return;
                         Finish(pieces->wanted, ReadSource(pieces->wanted));
                       },
                   .is_wanted = [this, pieces] { return flights_.IsWanted(pieces->wanted.key); }});
}

void Listings::AddPiece(const std::shared_ptr<Pieces>& pieces, uint64_t piece, const Result<Bytes>& bytes) {
  auto whole = pieces->assembly.Add(piece, bytes);
  if (!whole) return;
  const auto& [key, purpose, known, ask, anew, restarts] = pieces->wanted;
  if (!*whole) return OnUnfit(pieces->wanted, whole->error());
  if (!context_.IsWhole(rpc::Kind::kList, key.path, pieces->version, 0, **whole, pieces->seal)) {
    return upstream_.ReadInstead(pieces->from, key.path,
                                 [this, pieces] { Finish(pieces->wanted, ReadSource(pieces->wanted)); });
  }
  Result<Listing> listing = rpc::DecodeListing(**std::move(whole));
  if (!listing) return OnUnfit(pieces->wanted, listing.error());
  listing->SetSeal(pieces->seal);
  Finish(pieces->wanted, Keep(key, known, {std::make_shared<const Listing>(*std::move(listing)), pieces->until}));
}

// The parent has renewed it between two pieces: ESTALE, or they are of two listings of one version. A parent that
// renews it again and again hardly has the time to send it: then the source is read, as on a detour.
void Listings::OnUnfit(Wanted wanted, const Error& error) {
  if (error.code != ESTALE && error.code != EBADMSG) return Finish(wanted, std::unexpected(error));
  if (++wanted.restarts > kMostRestarts) wanted.ask.as_root = true;
  Fetch(wanted);
}

// On every node.

size_t Listings::Charge(const std::string& path, const ListingEntry& entry) {
  return path.size() + (entry.listing ? entry.listing->charge() : 0);
}

ListingEntry Listings::Keep(const cache::PathKey& key, const ListingPtr& known, ListingEntry entry) {
  if (cache::Epochs::IsKept(key.epoch)) {
    context_.parts.cache.listings().Put(key, entry, Charge(key.path, entry));
    if (entry.listing->answers_absence()) context_.parts.counters.Count(Event::kTtlStores);
  }
  if (known != entry.listing) NoteIdentity(key.path, entry.listing->directory());
  if (known && known != entry.listing) TellChanges(key.path, *known, *entry.listing);
  return entry;
}

// The listing above may say something else for the rest of the job. What is asked by name is told from the metadata
// table, and that comes first.
void Listings::NoteIdentity(const std::string& path, const Attributes& now) const {
  const std::string above(ParentPath(path));
  const TreeId tree = context_.parts.forest.OfDirectory(above);
  const cache::PathKey key{path, context_.epochs.Of(path, context_.Asked(tree))};
  if (path == "/" || !cache::Epochs::IsKept(key.epoch)) return;
  std::optional<Attributes> said;
  if (const auto seen = context_.parts.cache.metadata().Get(key)) {
    if (seen->attributes) said = *seen->attributes;
  } else if (const auto listed = Find(KeyOf(above)); listed && listed->listing) {
    if (const auto entry = listed->listing->Find(BaseName(path))) said = entry->attributes();
  }
  if (!said || !AreTwoDirectories(*said, now)) return;
  const size_t charge = sizeof(Attributes) + path.size();
  context_.parts.cache.metadata().Put(key, {std::make_shared<const Attributes>(now), kNever}, charge);
  if (listener_ != nullptr) listener_->OnDirectoryReplaced(path, now);
}

void Listings::Finish(const Wanted& wanted, const Result<ListingEntry>& result) {
  const cache::PathKey& key = wanted.key;
  const bool by_name = !result && MustAskByName(result.error()) && wanted.purpose == Purpose::kLookup;
  if (by_name && cache::Epochs::IsKept(key.epoch)) {
    const TimePoint until = result.error().code == ENOMEM ? context_.Now() + kWithoutListing : kNever;
    context_.parts.cache.listings().Put(key, {nullptr, until}, key.path.size());
  }
  flights_.Complete(key, result);
}

void Listings::TellChanges(const std::string& path, const Listing& known, const Listing& listing) const {
  if (listener_ == nullptr) return;
  // The kernel's knowledge of an absent name ends by itself where it has a time to live: a directory that has grown by
  // a million names is not worth the memory of telling them all.
  const bool all = context_.options.absent_ttl == Duration::max();
  listener_->OnDirectoryChanged(path, AddedNames(known, listing, all ? SIZE_MAX : kMostTold));
}

void Listings::GetLocally(const std::string& path, const Ask& ask, std::move_only_function<void(Result<Listed>)> done) {
  context_.parts.channel.WantTicks();
  auto list = [this, path]() -> Result<Listed> {
    context_.parts.counters.Count(Event::kListsAtSource);
    Result<Listing> listing = context_.parts.store.List(path, {0, context_.options.listing_limit_bytes});
    if (!listing) return std::unexpected(listing.error());
    return Listed{std::make_shared<const Listing>(*std::move(listing)), context_.Now() + context_.options.local_ttl};
  };
  local_.Run(context_.parts.local, context_.Waiting(Doing::kListing, path), ask.deadline, std::move(list),
             context_.Counting(ask, std::move(done)));
}

// For children.

void Listings::Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond) {
  const auto is_of_request = [request](const ListingEntry& entry) {
    return request.argument == 0 || entry.listing->directory().version() == request.version;
  };
  const cache::PathKey directory = KeyOf(request.path);
  if (request.argument > 0) {  // a further piece of what we have just sent the first of, however old that is by now
    const auto entry = Find(directory);
    if (entry && entry->listing && is_of_request(*entry)) {
      context_.Count(ask, Result<ListingEntry>(*entry), Way::kHit);
      return respond(PieceOf(request, *entry));
    }
  }
  const Purpose purpose = request.argument2 == 0 ? Purpose::kReadDirectory : Purpose::kLookup;
  Get(directory, purpose, ask,
      [this, request, ask, is_of_request, respond = std::move(respond)](const Result<ListingEntry>& entry,
                                                                        Way way) mutable {
        context_.Count(ask, entry, way);
        if (!entry) return respond(rpc::ErrorReply(entry.error()));
        respond(is_of_request(*entry) ? PieceOf(request, *entry) : rpc::ErrorReply({ESTALE, {}}));
      });
}

rpc::Reply Listings::PieceOf(const rpc::Request& request, const ListingEntry& entry) {
  const Listing& listing = *entry.listing;
  if (request.argument2 != 0 && listing.size() > request.argument2) return rpc::ErrorReply({EFBIG, {}});
  rpc::Reply reply;
  reply.version = listing.directory().version();
  reply.argument2 = rpc::EncodeValidity(entry.valid_until, context_.Now());
  if (request.argument == 0 && listing.answers_absence() && IsUnchanged(listing, request.version, request.ctime)) {
    reply.flags = rpc::kUnchanged;
    return reply;
  }
  const Bytes packed = rpc::EncodeListing(listing);
  if (request.argument >= ListingAssembly::Pieces(packed.size())) return rpc::ErrorReply({EINVAL, {}});
  reply.flags = rpc::kSealed;
  reply.seal = listing.seal();
  reply.argument = packed.size();
  reply.payload = packed.Slice(request.argument * kChunkSize, kChunkSize);
  context_.parts.counters.Count(Event::kBytesToChildren, reply.payload.size());
  return reply;
}

bool Listings::Expire(TimePoint now) {
  const bool flying = flights_.Expire(now);
  return local_.Expire(now) || flying;
}

}  // namespace copper::fetch

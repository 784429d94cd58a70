#include "listings.h"

#include "copper/rpc/payload.h"
#include "listing_assembly.h"

namespace copper::fetch {
namespace {

using cache::ListingEntry;
using profile::Event;

// What makes a directory one whose names are asked for one by one.
bool MustAskByName(const Error& error) {
  return error.code == EFBIG || error.code == EACCES || error.code == EPERM;
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

void Listings::Get(const std::string& path, Purpose purpose, Ask ask, Done done) {
  const cache::PathKey kept = KeyOf(path);
  if (auto valid = FindValid(kept)) return done(*std::move(valid));
  const auto cached = context_.parts.cache.tree().Get(kept);
  if (cached && !cached->listing && purpose == Purpose::kLookup) return done(Fail(EFBIG));
  const ListingKey key{path, purpose, kept.epoch};
  const Joined joined = flights_.Join(key, ask.deadline, [&] { return FindValid(kept); }, std::move(done));
  if (joined == Joined::kWaiter) context_.parts.counters.Count(Event::kCoalesced);
  if (joined != Joined::kLeader) return;
  context_.parts.counters.Count(Event::kMisses);
  context_.parts.channel.WantTicks();
  ListingPtr known = cached ? cached->listing : nullptr;
  if (context_.IsRoot(context_.parts.forest.OfDirectory(path))) {
    AskStore(key, std::move(known));
  } else {
    AskParent(key, std::move(known), ask);
  }
}

cache::PathKey Listings::KeyOf(const std::string& path) const {
  return {path, context_.refreshes.OfListing(path, context_.Asked(context_.parts.forest.OfDirectory(path)))};
}

std::optional<ListingEntry> Listings::Find(const std::string& path) const {
  return context_.parts.cache.tree().Get(KeyOf(path));
}

std::optional<ListingEntry> Listings::FindValid(const cache::PathKey& key) const {
  auto entry = context_.parts.cache.tree().Get(key);
  if (!entry || !entry->listing || entry->valid_until <= context_.Now()) return std::nullopt;
  return entry;
}

// At the root.

void Listings::AskStore(const ListingKey& key, ListingPtr known) {
  context_.parts.pool.Submit([this, key, known = std::move(known)] { Finish(key, ListStore(key, known)); });
}

Result<ListingEntry> Listings::ListStore(const ListingKey& key, const ListingPtr& known) {
  storage::BackingStore& store = context_.parts.store;
  const TimePoint until = context_.AbsentUntil();
  // A directory that had settled before it was listed, and has the same times now, has the same names.
  if (known && known->answers_absence) {
    context_.parts.counters.Count(Event::kLooksAtSource);
    const Result<Attributes> now = store.Look(key.path);
    if (!now) return std::unexpected(now.error());
    if (now->version() == known->directory.version()) return Keep(key, known, {known, {}, until});
  }
  context_.parts.counters.Count(Event::kListsAtSource);
  Result<Listing> listing = store.List(key.path, Limit(key.purpose));
  if (!listing) {
    if (listing.error().code != EFBIG) context_.LogSourceError("list", key.path, listing.error());
    return std::unexpected(listing.error());
  }
  KeepKnownVersions(key.path, known, *listing);
  return Keep(key, known, {std::make_shared<const Listing>(*std::move(listing)), {}, until});
}

void Listings::KeepKnownVersions(const std::string& path, const ListingPtr& known, Listing& listing) const {
  for (DirectoryEntry& entry : listing.entries) {
    const DirectoryEntry* before = known ? known->Find(entry.name) : nullptr;
    const std::string name = JoinPath(path, entry.name);
    if (before != nullptr && before->attributes) {
      entry.attributes = before->attributes;
    } else if (const auto seen =
                   context_.parts.cache.metadata().Get({name, context_.refreshes.Of(name, AskedOf::kSource)})) {
      if (seen->attributes) entry.attributes = *seen->attributes;
    }
  }
}

// Below the root.

void Listings::AskParent(const ListingKey& key, ListingPtr known, Ask ask) {
  const FileVersion version = known && known->answers_absence ? known->directory.version() : FileVersion{};
  context_.AskParent(context_.parts.forest.OfDirectory(key.path),
                     PieceRequest(key.path, version, 0, Limit(key.purpose)), ask,
                     [this, key, known = std::move(known), ask](Result<rpc::Reply> reply) {
                       OnReply(key, known, ask, Outcome(std::move(reply)));
                     });
}

void Listings::OnReply(const ListingKey& key, const ListingPtr& known, Ask ask, const Result<rpc::Reply>& reply) {
  if (!reply) return Finish(key, std::unexpected(reply.error()));
  const TimePoint until = FromWire(reply->argument2, context_.Now());
  if ((reply->flags & rpc::kUnchanged) != 0 && known) return Finish(key, Keep(key, known, {known, {}, until}));
  const uint64_t size = reply->argument;
  if (size == 0 || size > ListingAssembly::kMaxSize) return Finish(key, Fail(EBADMSG));

  auto assembly = std::make_shared<ListingAssembly>(size);
  auto add = [this, key, known, until, assembly](uint64_t piece, const Result<Bytes>& bytes) {
    const auto whole = assembly->Add(piece, bytes);
    if (!whole) return;
    if (!*whole) return Finish(key, std::unexpected(whole->error()));
    Result<Listing> listing = rpc::DecodeListing((*whole)->span());
    if (!listing) return Finish(key, std::unexpected(listing.error()));
    Finish(key, Keep(key, known, {std::make_shared<const Listing>(*std::move(listing)), **whole, until}));
  };
  for (uint64_t piece = 1; piece < ListingAssembly::Pieces(size); ++piece) {
    context_.AskParent(context_.parts.forest.OfDirectory(key.path),
                       PieceRequest(key.path, reply->version, piece, Limit(key.purpose)), ask,
                       [add, piece](Result<rpc::Reply> more) {
                         more = Outcome(std::move(more));
                         if (more) return add(piece, more->payload);
                         add(piece, std::unexpected(more.error()));
                       });
  }
  add(0, reply->payload);
}

// On every node.

size_t Listings::Charge(const std::string& path, const ListingEntry& entry) {
  return path.size() + (entry.listing ? entry.listing->charge() : 0) + entry.encoded.charge();
}

ListingEntry Listings::Keep(const ListingKey& key, const ListingPtr& known, ListingEntry entry) {
  if (Refreshes::IsKept(key.epoch)) {
    context_.parts.cache.tree().Put({key.path, key.epoch}, entry, Charge(key.path, entry));
  }
  if (known && known != entry.listing) TellChanges(key.path, *known, *entry.listing);
  return entry;
}

void Listings::Finish(const ListingKey& key, const Result<ListingEntry>& result) {
  const bool by_name = !result && MustAskByName(result.error()) && key.purpose == Purpose::kLookup;
  if (by_name && Refreshes::IsKept(key.epoch)) {
    context_.parts.cache.tree().Put({key.path, key.epoch}, {nullptr, {}, kNever}, key.path.size());
  }
  if (!result) context_.parts.counters.Count(Event::kErrors);
  flights_.Complete(key, result);
}

void Listings::TellChanges(const std::string& path, const Listing& known, const Listing& listing) const {
  if (listener_ == nullptr) return;
  std::vector<std::string> added;
  for (const DirectoryEntry& entry : listing.entries) {
    if (known.Find(entry.name) == nullptr) added.push_back(entry.name);
  }
  listener_->OnDirectoryChanged(path, added);
}

void Listings::GetLocally(const std::string& path, Ask ask, std::move_only_function<void(Result<Listed>)> done) {
  context_.parts.counters.Count(Event::kMisses);
  context_.parts.channel.WantTicks();
  auto list = [this, path]() -> Result<Listed> {
    context_.parts.counters.Count(Event::kListsAtSource);
    Result<Listing> listing = context_.parts.store.List(path, 0);
    if (!listing) return std::unexpected(listing.error());
    return Listed{std::make_shared<const Listing>(*std::move(listing)), context_.Now() + context_.options.local_ttl};
  };
  local_.Run(context_.parts.pool, ask.deadline, std::move(list), std::move(done));
}

// For children.

void Listings::Serve(const rpc::Request& request, Ask ask, rpc::Responder respond) {
  if (request.argument > 0) {  // a further piece of what we have just sent the first of
    const auto entry = Find(request.path);
    const bool same = entry && entry->listing && entry->listing->directory.version() == request.version;
    return respond(same ? PieceOf(request, *entry) : ErrorReply({ESTALE, {}}));
  }
  const Purpose purpose = request.argument2 == 0 ? Purpose::kReadDirectory : Purpose::kLookup;
  Get(request.path, purpose, ask,
      [this, request, respond = std::move(respond)](const Result<ListingEntry>& entry) mutable {
        if (!entry) return respond(ErrorReply(entry.error()));
        respond(PieceOf(request, *entry));
      });
}

rpc::Reply Listings::PieceOf(const rpc::Request& request, const ListingEntry& entry) {
  const Listing& listing = *entry.listing;
  if (request.argument2 != 0 && listing.entries.size() > request.argument2) return ErrorReply({EFBIG, {}});
  rpc::Reply reply;
  reply.version = listing.directory.version();
  reply.argument2 = ToWire(entry.valid_until, context_.Now());
  if (request.argument == 0 && listing.answers_absence && request.version == reply.version) {
    reply.flags = rpc::kUnchanged;
    return reply;
  }
  const Bytes encoded = Encoded(request.path, entry);
  if (request.argument >= ListingAssembly::Pieces(encoded.size())) return ErrorReply({EINVAL, {}});
  reply.argument = encoded.size();
  reply.payload = encoded.Slice(request.argument * kChunkSize, kChunkSize);
  context_.parts.counters.Count(Event::kBytesToChildren, reply.payload.size());
  return reply;
}

// Encoded once, when the first child asks.
Bytes Listings::Encoded(const std::string& path, const ListingEntry& entry) {
  if (!entry.encoded.empty()) return entry.encoded;
  const Bytes encoded = rpc::EncodeListing(*entry.listing);
  context_.parts.cache.tree().Update(KeyOf(path), [&](ListingEntry& kept) {
    if (kept.listing == entry.listing) kept.encoded = encoded;
    return Charge(path, kept);
  });
  return encoded;
}

bool Listings::Expire(TimePoint now) {
  const bool flying = flights_.Expire(now);
  return local_.Expire(now) || flying;
}

}  // namespace copper::fetch

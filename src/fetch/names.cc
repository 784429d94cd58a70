#include "names.h"

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "copper/base/attempt.h"
#include "copper/base/path.h"
#include "copper/rpc/contents.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

using profile::Event;
using storage::Sharing;

// In the reply to a request by name: the listing of its directory says as much, by now.
constexpr uint64_t kByListing = 1;
// Names that are looked at side by side to complete a listing.
constexpr size_t kFillingAtOnce = 8;

constexpr auto kForNobody = [](const Result<cache::ListingEntry>&, Way) {};

bool IsAbsence(const Error& error) {
  return error.code == ENOENT || error.code == ENOTDIR;
}

}  // namespace

void Names::Look(const std::string& path, const Ask& ask, FoundDone done) {
  const Sharing sharing = context_.parts.file_systems.Of(path);
  if (sharing != Sharing::kShared) return LookLocally(path, sharing, ask, std::move(done));
  const cache::PathKey key = KeyOf(path);
  if (const auto found = FindInMetadata(key)) return Answer(ask, *found, Way::kHit, std::move(done));
  const Directory directory = DirectoryOf(path);
  const Verdict verdict = Judge(path, directory, /*is_fresh=*/false);
  switch (verdict.next) {
    case Next::kAnswer:
      return Answer(ask, verdict.found, Way::kHit, std::move(done));
    case Next::kAskByName:
      return AskByName(key, ask, Way::kNone, std::move(done));
    case Next::kAskListing:
      return AskListing(path, directory.key, ask, std::move(done));
  }
}

// A listing that can't be had (no permission, too large, too slow) leaves asking by name; that says what is wrong, too.
void Names::AskListing(const std::string& path, const cache::PathKey& directory, const Ask& ask, FoundDone done) {
  const TimePoint until = std::min(ask.deadline, context_.Now() + kListingPatience);
  listings_.Get(directory, Purpose::kLookup, {until, ask.hops},
                [this, path, ask, done = std::move(done)](const Result<cache::ListingEntry>& listed, Way way) mutable {
                  const cache::PathKey key = KeyOf(path);  // it may have been refreshed meanwhile
                  if (const auto found = FindInMetadata(key)) return Answer(ask, *found, way, std::move(done));
                  const Directory now = DirectoryOf(path);
                  if (!listed && listed.error().code == ETIMEDOUT) listings_.DoWithout(now.key);
                  const Verdict fresh = Judge(path, now, listed.has_value());
                  if (fresh.next == Next::kAnswer) return Answer(ask, fresh.found, way, std::move(done));
                  AskByName(key, ask, way, std::move(done));
                });
}

cache::PathKey Names::KeyOf(const std::string& path) const {
  const TreeId tree = context_.parts.forest.OfDirectory(ParentPath(path));
  return {path, context_.epochs.Of(path, context_.Asked(tree))};
}

Names::Directory Names::DirectoryOf(const std::string& path) const {
  Directory directory{listings_.KeyOf(ParentPath(path)), std::nullopt};
  directory.listed = listings_.Find(directory.key);
  return directory;
}

std::optional<Found> Names::FoundIn(const std::optional<cache::PathEntry>& entry) const {
  if (!entry || (!entry->attributes && entry->valid_until <= context_.Now())) return std::nullopt;
  return Found{entry->attributes, entry->valid_until};
}

std::optional<Found> Names::FindInMetadata(const cache::PathKey& key) const {
  return FoundIn(context_.parts.cache.metadata().Get(key));
}

// What is mounted on a name is not what the directory below it lists.
bool Names::IsOfDirectory(const std::string& path, const std::string& directory) const {
  const storage::FileSystems& file_systems = context_.parts.file_systems;
  return path != "/" && !file_systems.IsMountPoint(path) && file_systems.Of(directory) == Sharing::kShared;
}

Names::Verdict Names::Judge(const std::string& path, const Directory& directory, bool is_fresh) const {
  if (!IsOfDirectory(path, directory.key.path)) return {Next::kAskByName, {}};
  if (directory.listed) return JudgeByListing(path, *directory.listed, is_fresh);
  const bool late = IsListedLate(directory.key.path) && !listings_.IsComing(directory.key);
  return {is_fresh || late ? Next::kAskByName : Next::kAskListing, {}};
}

// Where looking at names is expensive listings come without attributes, and are worth their price for absent names
// only: such a directory is not listed for a lookup before one of its names was found absent.
bool Names::IsListedLate(std::string_view directory) const {
  if (directory == "/") return false;
  const std::string_view parent = ParentPath(directory);
  const auto above = listings_.Find(listings_.KeyOf(parent));
  if (!above) return IsListedLate(parent);
  if (!above->listing) return false;
  const auto entry = above->listing->Find(BaseName(directory));
  return entry && !entry->has_attributes();
}

void Names::ListLate(const std::string& path, const Ask& ask) {
  if (path == "/") return;
  const Directory directory = DirectoryOf(path);
  if (directory.listed || !IsListedLate(directory.key.path)) return;
  listings_.Get(directory.key, Purpose::kLookup, ask, kForNobody);
}

Names::Verdict Names::JudgeByListing(const std::string& path, const cache::ListingEntry& listed, bool is_fresh) const {
  if (!listed.listing) {
    return {is_fresh || listed.valid_until > context_.Now() ? Next::kAskByName : Next::kAskListing, {}};
  }
  if (const auto entry = listed.listing->Find(BaseName(path))) {
    auto attributes = entry->attributes();
    if (!attributes) return {Next::kAskByName, {}};
    return {Next::kAnswer,
            {std::make_shared<const Attributes>(*std::move(attributes)), kNever, /*live=*/false, listed.listing}};
  }
  if (!is_fresh && listed.valid_until <= context_.Now()) return {Next::kAskListing, {}};
  if (!listed.listing->answers_absence()) return {Next::kAskByName, {}};
  return {Next::kAnswer, {nullptr, listed.valid_until, /*live=*/false, listed.listing}};
}

// A hit is a serve where it is an absence; what was waited for is new.
void Names::Answer(const Ask& ask, const Result<Found>& found, Way way, FoundDone done) const {
  context_.Count(ask, found, way);
  if (ask.counted && found && !found->attributes) {
    context_.parts.counters.Count(Event::kNegative);
    if (way == Way::kHit) context_.parts.counters.Count(Event::kTtlServes);
    if (way == Way::kHit && ask.use) ask.use->NoteTtlServe();
  }
  done(found);
}

void Names::AskByName(const cache::PathKey& key, const Ask& ask, Way waited, FoundDone done) {
  bool is_over = false;
  const auto find = [&] {
    const auto entry = context_.parts.cache.metadata().Get(key);
    auto found = FoundIn(entry);
    is_over = entry && !found;
    return found;
  };
  Done<Found> answer = [this, ask, waited, done = std::move(done)](const Result<Found>& found, Way way) mutable {
    Answer(ask, found, std::max(waited, way), std::move(done));
  };
  if (flights_.Join(key, ask.deadline, find, std::move(answer)) != Way::kMiss) return;
  if (is_over) context_.parts.counters.Count(Event::kTtlExpires);
  context_.parts.channel.WantTicks();
  Fetch(key, ask);
}

void Names::Fetch(const cache::PathKey& key, const Ask& ask) {
  rpc::Request request;
  request.kind = rpc::Kind::kLook;
  request.path = key.path;
  const TreeId tree = context_.parts.forest.OfDirectory(ParentPath(key.path));
  upstream_.Fetch(tree, std::move(request), ask,
                  {.reply = [this, key, ask](const rpc::Reply& reply) { OnReply(key, reply, ask); },
                   .read = [this, key, ask] { ReadSource(key, ask); },
                   .is_wanted = [this, key] { return flights_.IsWanted(key); }});
}

void Names::OnReply(const cache::PathKey& key, const rpc::Reply& reply, const Ask& ask) {
  const TimePoint absent_until = rpc::DecodeValidity(reply.argument2, context_.Now());
  Result<Attributes> seen = reply.error != 0 ? Fail(reply.error) : rpc::DecodeAttributes(reply.payload.span());
  const Result<Found> found = Keep(key, std::move(seen), absent_until);
  if (reply.error == 0 && reply.argument == kByListing) HearOfListing(key.path, ask);
  Finish(key, found, ask);
}

void Names::ReadSource(const cache::PathKey& key, const Ask& ask) {
  context_.parts.counters.Count(Event::kLooksAtSource);
  Result<Attributes> seen = context_.parts.store.Look(key.path);
  if (!seen && !IsAbsence(seen.error())) context_.LogSourceError("look at", key.path, seen.error());
  const Result<Found> found = Keep(key, std::move(seen), context_.AbsentUntil());
  NoteLook(key.path, ask);
  Finish(key, found, ask);
}

Names::Told Names::ToldOf(const std::string& path, const Directory& directory) {
  if (path == "/") return Told::kNothing;
  if (!directory.listed) return Told::kDirectoryNotListed;
  const ListingPtr& listing = directory.listed->listing;
  const auto entry = listing ? listing->Find(BaseName(path)) : std::nullopt;
  if (!entry) return Told::kNothing;
  return entry->has_attributes() ? Told::kAllOfIt : Told::kNoAttributes;
}

bool Names::IsAskedByNameForCost(const std::string& path, const Directory& directory, const Ask& ask) const {
  const AskedOf whom = context_.Asked(context_.parts.forest.OfDirectory(directory.key.path));
  if (whom != AskedOf::kSource && !ask.as_root) return false;
  const Told told = ToldOf(path, directory);
  return told == Told::kNoAttributes || (told == Told::kDirectoryNotListed && IsListedLate(directory.key.path));
}

void Names::NoteRequest(const std::string& path, const Directory& directory, const Ask& ask) {
  if (!IsAskedByNameForCost(path, directory, ask)) return;
  const ListingPtr listing = directory.listed ? directory.listed->listing : nullptr;
  switch (bare_.NoteRequest(directory.key.path, listing.get())) {
    case cache::BareListings::Advice::kNone:
      return;
    case cache::BareListings::Advice::kList:
      return listings_.Get(directory.key, Purpose::kLookup, context_.Nobodys(ask), kForNobody);
    case cache::BareListings::Advice::kComplete:
      return Fill(directory.key.path, listing, context_.Nobodys(ask));
  }
}

void Names::NoteLook(const std::string& path, const Ask& ask) {
  const Directory directory = DirectoryOf(path);
  if (!IsAskedByNameForCost(path, directory, ask)) return;
  bare_.NoteLook(directory.key.path, directory.listed ? directory.listed->listing.get() : nullptr);
}

struct Names::Filling {
  std::string directory;
  ListingPtr listing;
  Ask ask;
  std::vector<size_t> bare;      // places in it
  std::atomic<size_t> next = 0;  // of those
  std::atomic<size_t> looking = 0;

  std::string PathOf(const DirectoryEntry& entry) const { return JoinPath(directory, entry.name); }
};

void Names::Fill(const std::string& directory, ListingPtr listing, const Ask& ask) {
  const auto filling = std::make_shared<Filling>(directory, std::move(listing), ask);
  // From the end on: who asks for all of them, in order, comes from the beginning.
  for (size_t i = filling->listing->size(); i > 0; --i) {
    const DirectoryEntry entry = (*filling->listing)[i - 1];
    if (!entry.has_attributes() && IsOfDirectory(filling->PathOf(entry), filling->directory))
      filling->bare.push_back(i - 1);
  }
  filling->looking = std::min(kFillingAtOnce, filling->bare.size());
  for (size_t i = filling->looking; i > 0; --i) SubmitFilling(filling);
}

void Names::SubmitFilling(const std::shared_ptr<Filling>& filling) {
  context_.parts.pool.Submit([this, filling] { FillOne(filling); });
}

// One at a time, behind what others want meanwhile.
void Names::FillOne(const std::shared_ptr<Filling>& filling) {
  const size_t next = filling->next++;
  if (next >= filling->bare.size()) {
    if (--filling->looking == 0) CompleteListing(*filling);
    return;
  }
  const cache::PathKey key = KeyOf(filling->PathOf((*filling->listing)[filling->bare[next]]));
  const auto find = [&] { return FindInMetadata(key); };
  if (flights_.Join(key, filling->ask.deadline, find, {}) == Way::kMiss) {
    ReadSource(key, filling->ask);
  }
  SubmitFilling(filling);
}

// Where there is no memory for that, it stays as it is.
void Names::CompleteListing(const Filling& filling) {
  std::map<size_t, Attributes> attributes;
  const Status gathered = Attempt([&] {
    for (const size_t place : filling.bare) {
      const auto found = FindInMetadata(KeyOf(filling.PathOf((*filling.listing)[place])));
      if (found && found->attributes) attributes.emplace(place, *found->attributes);
    }
  });
  if (gathered) listings_.Complete(filling.directory, filling.listing, attributes);
}

void Names::HearOfListing(const std::string& path, const Ask& ask) {
  const Directory directory = DirectoryOf(path);
  const Told told = ToldOf(path, directory);
  if (told == Told::kNoAttributes) return listings_.GetAnew(directory.key, context_.Nobodys(ask));
  if (told != Told::kDirectoryNotListed) return;
  listings_.Get(directory.key, Purpose::kLookup, context_.Nobodys(ask), kForNobody);
}

void Names::Finish(const cache::PathKey& key, const Result<Found>& found, const Ask& ask) {
  // First, so that the next absent name waits for the listing instead of being asked for.
  if (found && !found->attributes) ListLate(key.path, ask);
  flights_.Complete(key, found);
}

// Nothing but attributes and absence is kept: an error is asked about again.
Result<Found> Names::Keep(const cache::PathKey& key, Result<Attributes> seen, TimePoint absent_until) {
  if (!seen && !IsAbsence(seen.error())) return std::unexpected(seen.error());
  Found found;
  found.valid_until = seen ? kNever : absent_until;
  if (seen) found.attributes = std::make_shared<const Attributes>(*std::move(seen));
  const size_t charge = sizeof(Attributes) + key.path.size();
  if (cache::Epochs::IsKept(key.epoch)) {
    if (!found.attributes) context_.parts.counters.Count(Event::kTtlStores);
    context_.parts.cache.metadata().Put(key, {found.attributes, found.valid_until}, charge);
  }
  return found;
}

void Names::LookLocally(const std::string& path, Sharing sharing, const Ask& ask, FoundDone done) {
  context_.parts.channel.WantTicks();
  auto look = [this, path, sharing]() -> Result<Found> {
    context_.parts.counters.Count(Event::kLooksAtSource);
    Result<Attributes> seen = context_.parts.store.Look(path);
    const TimePoint until = context_.Now() + context_.options.local_ttl;
    if (!seen && IsAbsence(seen.error())) return Found{nullptr, until};
    if (!seen) return std::unexpected(seen.error());
    const bool live = sharing == Sharing::kPseudo && seen->IsRegular();
    return Found{std::make_shared<const Attributes>(*std::move(seen)), until, live};
  };
  Done<Found> answer = [this, ask, done = std::move(done)](const Result<Found>& found, Way way) mutable {
    Answer(ask, found, way, std::move(done));
  };
  local_.Run(context_.parts.local, context_.Waiting(Doing::kLooking, path), ask.deadline, std::move(look),
             std::move(answer));
}

// A child that asks by name could not do with a listing: it is not tried again here.
void Names::Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond) {
  const std::string& path = request.path;
  const Directory directory = DirectoryOf(path);
  const bool by_listing = ToldOf(path, directory) == Told::kAllOfIt;
  FoundDone done = [this, by_listing, respond = std::move(respond)](const Result<Found>& found) mutable {
    respond(found ? ReplyOf(*found, by_listing) : rpc::ErrorReply(found.error()));
  };
  NoteRequest(path, directory, ask);
  const cache::PathKey key = KeyOf(path);
  if (const auto found = FindInMetadata(key)) return Answer(ask, *found, Way::kHit, std::move(done));
  const Verdict verdict = Judge(path, directory, /*is_fresh=*/false);
  if (verdict.next == Next::kAnswer) return Answer(ask, verdict.found, Way::kHit, std::move(done));
  AskByName(key, ask, Way::kNone, std::move(done));
}

rpc::Reply Names::ReplyOf(const Found& found, bool by_listing) const {
  rpc::Reply reply;
  if (by_listing) reply.argument = kByListing;
  reply.argument2 = rpc::EncodeValidity(found.valid_until, context_.Now());
  if (found.attributes) {
    reply.version = found.attributes->version();
    reply.payload = rpc::EncodeAttributes(*found.attributes);
  } else {
    reply.error = ENOENT;
  }
  return reply;
}

bool Names::Expire(TimePoint now) {
  const bool flying = flights_.Expire(now);
  return local_.Expire(now) || flying;
}

}  // namespace copper::fetch

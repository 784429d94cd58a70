#include "names.h"

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "copper/base/attempt.h"
#include "copper/base/path.h"
#include "copper/rpc/payload.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

using profile::Event;
using profile::Way;
using storage::Sharing;

// In the reply to a request by name: the listing of its directory says as much, by now.
constexpr uint64_t kByListing = 1;
// Names that are looked at side by side to complete a listing.
constexpr size_t kFillingAtOnce = 8;

bool IsAbsence(const Error& error) {
  return error.code == ENOENT || error.code == ENOTDIR;
}

}  // namespace

void Names::Look(const std::string& path, Ask ask, Done done) {
  const Sharing sharing = context_.parts.file_systems.Of(path);
  if (sharing != Sharing::kShared) return LookLocally(path, sharing, ask, std::move(done));
  const Verdict verdict = Judge(path, /*listing_is_fresh=*/false);
  switch (verdict.next) {
    case Next::kAnswer:
      return Answer(ask, Way::kHit, verdict.found, std::move(done));
    case Next::kAskByName:
      return AskByName(path, ask, Way::kNone, std::move(done));
    case Next::kAskListing:
      return AskListing(path, ask, std::move(done));
  }
}

// A listing that can't be had (no permission, too large, too slow) leaves asking by name; that says what is wrong, too.
void Names::AskListing(const std::string& path, Ask ask, Done done) {
  const std::string directory(ParentPath(path));
  const TimePoint until = std::min(ask.deadline, context_.Now() + kListingPatience);
  const auto waited = std::make_shared<Way>();  // written before the answer can come
  listings_.Get(
      directory, Purpose::kLookup, {until, ask.hops}, [&way = *waited](Way decided) { way = decided; },
      [this, path, directory, ask, waited, done = std::move(done)](const Result<cache::ListingEntry>& listed) mutable {
        if (!listed && listed.error().code == ETIMEDOUT) listings_.DoWithout(directory);
        const Verdict fresh = Judge(path, listed.has_value());
        if (fresh.next == Next::kAnswer) return Answer(ask, *waited, fresh.found, std::move(done));
        AskByName(path, ask, *waited, std::move(done));
      });
}

cache::PathKey Names::KeyOf(const std::string& path) const {
  const TreeId tree = context_.parts.forest.OfDirectory(ParentPath(path));
  return {path, context_.epochs.Of(path, context_.Asked(tree))};
}

std::optional<Found> Names::FindInMetadata(const cache::PathKey& key) const {
  const auto entry = context_.parts.cache.metadata().Get(key);
  if (!entry || (!entry->attributes && entry->valid_until <= context_.Now())) return std::nullopt;
  return Found{entry->attributes, entry->valid_until};
}

// What is mounted on a name is not what the directory below it lists.
bool Names::IsOfDirectory(const std::string& path) const {
  const storage::FileSystems& file_systems = context_.parts.file_systems;
  return path != "/" && !file_systems.IsMountPoint(path) &&
         file_systems.Of(std::string(ParentPath(path))) == Sharing::kShared;
}

Names::Verdict Names::Judge(const std::string& path, bool listing_is_fresh) const {
  if (auto found = FindInMetadata(KeyOf(path))) return {Next::kAnswer, *std::move(found)};
  if (!IsOfDirectory(path)) return {Next::kAskByName, {}};
  const std::string directory(ParentPath(path));
  const auto listed = listings_.Find(directory);
  if (!listed) {
    const bool late = IsListedLate(directory) && !listings_.IsComing(directory);
    return {listing_is_fresh || late ? Next::kAskByName : Next::kAskListing, {}};
  }
  return JudgeByListing(path, *listed, listing_is_fresh);
}

// Where looking at names is expensive listings come without attributes, and are worth their price for absent names
// only: such a directory is not listed for a lookup before one of its names was found absent.
bool Names::IsListedLate(const std::string& directory) const {
  if (directory == "/") return false;
  const std::string parent(ParentPath(directory));
  const auto above = listings_.Find(parent);
  if (!above) return IsListedLate(parent);
  if (!above->listing) return false;
  const auto entry = above->listing->Find(BaseName(directory));
  return entry && !entry->has_attributes();
}

void Names::ListLate(const std::string& path, Ask ask) {
  const std::string directory(ParentPath(path));
  if (path == "/" || !IsListedLate(directory) || listings_.Find(directory)) return;
  listings_.Get(directory, Purpose::kLookup, ask, {}, [](const Result<cache::ListingEntry>&) {});
}

Names::Verdict Names::JudgeByListing(const std::string& path, const cache::ListingEntry& listed,
                                     bool listing_is_fresh) const {
  if (!listed.listing) {
    return {listing_is_fresh || listed.valid_until > context_.Now() ? Next::kAskByName : Next::kAskListing, {}};
  }
  if (const auto entry = listed.listing->Find(BaseName(path))) {
    auto attributes = entry->attributes();
    if (!attributes) return {Next::kAskByName, {}};
    return {Next::kAnswer,
            {std::make_shared<const Attributes>(*std::move(attributes)), kNever, /*live=*/false, listed.listing}};
  }
  if (!listing_is_fresh && listed.valid_until <= context_.Now()) return {Next::kAskListing, {}};
  if (!listed.listing->answers_absence()) return {Next::kAskByName, {}};
  return {Next::kAnswer, {nullptr, listed.valid_until, /*live=*/false, listed.listing}};
}

void Names::Answer(const Ask& ask, Way way, const Found& found, Done done) const {
  context_.Decide(ask, way);
  CountAnswer(ask, way, found);
  done(found);
}

// A hit is a serve where it is an absence; what was waited for is new.
void Names::CountAnswer(const Ask& ask, Way way, const Result<Found>& found) const {
  if (!ask.counted) return;
  context_.CountError(found);
  if (!found || found->attributes) return;
  context_.parts.counters.Count(Event::kNegative);
  if (way != Way::kHit) return;
  context_.parts.counters.Count(Event::kTtlServes);
  if (ask.use) ask.use->NoteTtlServe();
}

void Names::AskByName(const std::string& path, Ask ask, Way waited, Done done) {
  const cache::PathKey key = KeyOf(path);
  const auto way = std::make_shared<Way>();  // written before the answer can come
  const auto decided = [&](Joined joined) {
    *way = std::max(waited, WayOf(joined));
    context_.Decide(ask, *way);
  };
  Done counted = [this, ask, way, done = std::move(done)](const Result<Found>& found) mutable {
    CountAnswer(ask, *way, found);
    done(found);
  };
  const auto find = [&] { return FindInMetadata(key); };
  if (flights_.Join(key, ask.deadline, find, decided, std::move(counted)) != Joined::kLeader) return;
  const auto before = context_.parts.cache.metadata().Get(key);
  if (before && !before->attributes) context_.parts.counters.Count(Event::kTtlExpires);
  context_.parts.channel.WantTicks();
  flights_.Lead(key, [&] { Fetch(key, ask); });
}

void Names::Fetch(const cache::PathKey& key, Ask ask) {
  rpc::Request request;
  request.kind = rpc::Kind::kLook;
  request.path = key.path;
  const TreeId tree = context_.parts.forest.OfDirectory(ParentPath(key.path));
  upstream_.Fetch(
      tree, std::move(request), ask,
      {.reply = [this, key, ask](const rpc::Reply& reply) { flights_.Lead(key, [&] { OnReply(key, reply, ask); }); },
       .read = [this, key, ask] { flights_.Lead(key, [&] { ReadSource(key, ask); }); },
       .is_wanted = [this, key] { return flights_.IsWanted(key); }});
}

void Names::OnReply(const cache::PathKey& key, const rpc::Reply& reply, Ask ask) {
  const TimePoint absent_until = FromWire(reply.argument2, context_.Now());
  Result<Attributes> seen = reply.error != 0 ? Fail(reply.error) : rpc::DecodeAttributes(reply.payload.span());
  const Result<Found> found = Keep(key, std::move(seen), absent_until);
  if (reply.error == 0 && reply.argument == kByListing) HearOfListing(key.path, ask);
  Finish(key, found, ask);
}

void Names::ReadSource(const cache::PathKey& key, Ask ask) {
  context_.parts.counters.Count(Event::kLooksAtSource);
  Result<Attributes> seen = context_.parts.store.Look(key.path);
  if (!seen && !IsAbsence(seen.error())) context_.LogSourceError("look at", key.path, seen.error());
  const Result<Found> found = Keep(key, std::move(seen), context_.AbsentUntil());
  NoteLook(key.path, ask);
  Finish(key, found, ask);
}

Names::Told Names::ToldByListing(const std::string& path) const {
  if (path == "/") return Told::kNothing;
  const auto listed = listings_.Find(std::string(ParentPath(path)));
  if (!listed) return Told::kDirectoryNotListed;
  const auto entry = listed->listing ? listed->listing->Find(BaseName(path)) : std::nullopt;
  if (!entry) return Told::kNothing;
  return entry->has_attributes() ? Told::kAllOfIt : Told::kNoAttributes;
}

bool Names::IsAskedByNameForCost(const std::string& path, const Ask& ask) const {
  const std::string directory(ParentPath(path));
  const AskedOf whom = context_.Asked(context_.parts.forest.OfDirectory(directory));
  if (whom != AskedOf::kSource && !ask.as_root) return false;
  const Told told = ToldByListing(path);
  return told == Told::kNoAttributes || (told == Told::kDirectoryNotListed && IsListedLate(directory));
}

void Names::NoteRequest(const std::string& path, const Ask& ask) {
  if (!IsAskedByNameForCost(path, ask)) return;
  const std::string directory(ParentPath(path));
  const auto listed = listings_.Find(directory);
  const ListingPtr listing = listed ? listed->listing : nullptr;
  switch (bare_.NoteRequest(directory, listing.get())) {
    case cache::BareListings::Advice::kNone:
      return;
    case cache::BareListings::Advice::kList:
      return listings_.Get(directory, Purpose::kLookup, context_.Nobodys(ask), {}, [](const auto&) {});
    case cache::BareListings::Advice::kComplete:
      return Fill(directory, listing, context_.Nobodys(ask));
  }
}

void Names::NoteLook(const std::string& path, const Ask& ask) {
  if (!IsAskedByNameForCost(path, ask)) return;
  const std::string directory(ParentPath(path));
  const auto listed = listings_.Find(directory);
  bare_.NoteLook(directory, listed ? listed->listing.get() : nullptr);
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
    if (!entry.has_attributes() && IsOfDirectory(filling->PathOf(entry))) filling->bare.push_back(i - 1);
  }
  filling->looking = std::min(kFillingAtOnce, filling->bare.size());
  for (size_t i = filling->looking; i > 0; --i) SubmitFilling(filling);
}

void Names::SubmitFilling(const std::shared_ptr<Filling>& filling) {
  context_.parts.pool.Submit([this, filling] { static_cast<void>(Attempt([&] { FillOne(filling); })); });
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
  if (flights_.Join(key, filling->ask.deadline, find, {}) == Joined::kLeader) {
    flights_.Lead(key, [&] { ReadSource(key, filling->ask); });
  }
  SubmitFilling(filling);
}

void Names::CompleteListing(const Filling& filling) {
  std::map<size_t, Attributes> attributes;
  for (const size_t place : filling.bare) {
    const auto found = FindInMetadata(KeyOf(filling.PathOf((*filling.listing)[place])));
    if (found && found->attributes) attributes.emplace(place, *found->attributes);
  }
  listings_.Complete(filling.directory, filling.listing, attributes);
}

void Names::HearOfListing(const std::string& path, const Ask& ask) {
  const std::string directory(ParentPath(path));
  const Told told = ToldByListing(path);
  if (told == Told::kNoAttributes) return listings_.GetAnew(directory, context_.Nobodys(ask));
  if (told != Told::kDirectoryNotListed) return;
  listings_.Get(directory, Purpose::kLookup, context_.Nobodys(ask), {}, [](const auto&) {});
}

void Names::Finish(const cache::PathKey& key, const Result<Found>& found, Ask ask) {
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

void Names::LookLocally(const std::string& path, Sharing sharing, Ask ask, Done done) {
  context_.Decide(ask, Way::kMiss);
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
  Done counted = [this, ask, done = std::move(done)](const Result<Found>& found) mutable {
    CountAnswer(ask, Way::kMiss, found);
    done(found);
  };
  local_.Run(context_.parts.local, context_.waits.Begin(Doing::kLooking, path), ask.deadline, std::move(look),
             std::move(counted));
}

// A child that asks by name could not do with a listing: it is not tried again here.
void Names::Serve(const rpc::Request& request, Ask ask, rpc::Responder respond) {
  const bool by_listing = ToldByListing(request.path) == Told::kAllOfIt;
  auto done = [this, by_listing, respond = std::move(respond)](const Result<Found>& found) mutable {
    if (!found) return respond(ErrorReply(found.error()));
    rpc::Reply reply;
    if (by_listing) reply.argument = kByListing;
    reply.argument2 = ToWire(found->valid_until, context_.Now());
    if (found->attributes) {
      reply.version = found->attributes->version();
      reply.payload = rpc::EncodeAttributes(*found->attributes);
    } else {
      reply.error = ENOENT;
    }
    respond(std::move(reply));
  };
  NoteRequest(request.path, ask);
  const Verdict verdict = Judge(request.path, /*listing_is_fresh=*/false);
  if (verdict.next == Next::kAnswer) return Answer(ask, Way::kHit, verdict.found, std::move(done));
  AskByName(request.path, ask, Way::kNone, std::move(done));
}

bool Names::Expire(TimePoint now) {
  const bool flying = flights_.Expire(now);
  return local_.Expire(now) || flying;
}

}  // namespace copper::fetch

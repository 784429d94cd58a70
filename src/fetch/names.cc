#include "names.h"

#include "copper/rpc/payload.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

using profile::Event;
using profile::Way;
using storage::Sharing;

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
  return {path, context_.refreshes.Of(path, context_.Asked(tree))};
}

std::optional<Found> Names::FindInMetadata(const cache::PathKey& key) const {
  const auto entry = context_.parts.cache.metadata().Get(key);
  if (!entry || (!entry->attributes && entry->valid_until <= context_.Now())) return std::nullopt;
  return Found{entry->attributes, entry->valid_until};
}

Names::Verdict Names::Judge(const std::string& path, bool listing_is_fresh) const {
  if (auto found = FindInMetadata(KeyOf(path))) return {Next::kAnswer, *std::move(found)};
  const storage::FileSystems& file_systems = context_.parts.file_systems;
  const std::string directory(ParentPath(path));
  // What is mounted on a name is not what the directory below it lists.
  if (path == "/" || file_systems.IsMountPoint(path) || file_systems.Of(directory) != Sharing::kShared) {
    return {Next::kAskByName, {}};
  }
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
    return {Next::kAnswer, {std::make_shared<const Attributes>(*std::move(attributes)), kNever}};
  }
  if (!listing_is_fresh && listed.valid_until <= context_.Now()) return {Next::kAskListing, {}};
  if (!listed.listing->answers_absence()) return {Next::kAskByName, {}};
  return {Next::kAnswer, {nullptr, listed.valid_until}};
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
  Finish(key, Keep(key, std::move(seen), absent_until), ask);
}

void Names::ReadSource(const cache::PathKey& key, Ask ask) {
  context_.parts.counters.Count(Event::kLooksAtSource);
  Result<Attributes> seen = context_.parts.store.Look(key.path);
  if (!seen && !IsAbsence(seen.error())) context_.LogSourceError("look at", key.path, seen.error());
  Finish(key, Keep(key, std::move(seen), context_.AbsentUntil()), ask);
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
  if (Refreshes::IsKept(key.epoch)) {
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
  local_.Run(context_.parts.pool, context_.waits.Begin(Doing::kLooking, path), ask.deadline, std::move(look),
             std::move(counted));
}

// A child that asks by name could not do with a listing: it is not tried again here.
void Names::Serve(const rpc::Request& request, Ask ask, rpc::Responder respond) {
  auto done = [this, respond = std::move(respond)](const Result<Found>& found) mutable {
    if (!found) return respond(ErrorReply(found.error()));
    rpc::Reply reply;
    reply.argument2 = ToWire(found->valid_until, context_.Now());
    if (found->attributes) {
      reply.version = found->attributes->version();
      reply.payload = rpc::EncodeAttributes(*found->attributes);
    } else {
      reply.error = ENOENT;
    }
    respond(std::move(reply));
  };
  const Verdict verdict = Judge(request.path, /*listing_is_fresh=*/false);
  if (verdict.next == Next::kAnswer) return Answer(ask, Way::kHit, verdict.found, std::move(done));
  AskByName(request.path, ask, Way::kNone, std::move(done));
}

bool Names::Expire(TimePoint now) {
  const bool flying = flights_.Expire(now);
  return local_.Expire(now) || flying;
}

}  // namespace copper::fetch

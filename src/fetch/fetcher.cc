#include "copper/fetch/fetcher.h"

#include "chunks.h"
#include "context.h"
#include "copper/cache/forget.h"
#include "copper/cache/shown.h"
#include "copper/names/attributes.h"
#include "deadlines.h"
#include "listings.h"
#include "names.h"
#include "settling.h"
#include "upstream.h"

namespace copper::fetch {
namespace {

std::optional<profile::Operation> OperationOf(rpc::Kind kind) {
  switch (kind) {
    case rpc::Kind::kLook:
      return profile::Operation::kPeerLook;
    case rpc::Kind::kList:
      return profile::Operation::kPeerList;
    case rpc::Kind::kRead:
      return profile::Operation::kPeerRead;
    case rpc::Kind::kSeek:
      return profile::Operation::kPeerSeek;
    default:
      return std::nullopt;
  }
}

rpc::Responder Ending(profile::UsePtr use, rpc::Responder respond) {
  return rpc::Responder([use = std::move(use), respond = std::move(respond)](rpc::Reply reply) mutable {
    use->End(reply.error, reply.payload.size());
    respond(std::move(reply));
  });
}

}  // namespace

void ChangeListener::OnRefreshed(const std::string&, Told told) {
  told(true);
}

struct Fetcher::State {
  State(Options options, const Parts& parts)
      : watch(parts.channel, parts.clock, kPatience), context{std::move(options), parts, epochs, watch} {}

  cache::Epochs epochs;
  rpc::Watch watch;
  Context context;
  Upstream upstream{context};
  Listings listings{context, upstream};
  Names names{context, upstream, listings};
  Settling settling{context};
  Chunks chunks{context, upstream, settling};
  PoolCalls<StatFs> statfs;
  ControlHandler control;
  ChangeListener* listener = nullptr;
};

Fetcher::Fetcher(Options options, Parts parts) : state_(std::make_unique<State>(std::move(options), parts)) {}

Fetcher::~Fetcher() = default;

void Fetcher::SetChangeListener(ChangeListener* listener) {
  state_->listings.SetChangeListener(listener);
  state_->listener = listener;
}
void Fetcher::SetLossListener(LossListener listener) {
  state_->upstream.SetLossListener(std::move(listener));
}
void Fetcher::SetControlHandler(ControlHandler handler) {
  state_->control = std::move(handler);
}

void Fetcher::Look(const std::string& path, std::move_only_function<void(Result<Found>)> done, profile::UsePtr use) {
  state_->names.Look(path, state_->context.Own(std::move(use)), std::move(done));
}

void Fetcher::LookAgain(const std::string& path, TimePoint until, std::move_only_function<void(Result<Found>)> done) {
  state_->names.Look(path, {.deadline = until, .counted = false}, std::move(done));
}

void Fetcher::List(const std::string& path, std::move_only_function<void(Result<Listed>)> done, profile::UsePtr use) {
  List(path, state_->context.Own(std::move(use)), std::move(done));
}

void Fetcher::ListAgain(const std::string& path, TimePoint until, std::move_only_function<void(Result<Listed>)> done) {
  List(path, {.deadline = until, .counted = false}, std::move(done));
}

void Fetcher::List(const std::string& path, const Ask& ask, std::move_only_function<void(Result<Listed>)> done) {
  if (state_->context.parts.file_systems.Of(path) != storage::Sharing::kShared) {
    return state_->listings.GetLocally(path, ask, std::move(done));
  }
  const Context& context = state_->context;
  Listings& listings = state_->listings;
  listings.Get(listings.KeyOf(path), Purpose::kReadDirectory, ask,
               [&context, ask, done = std::move(done)](const Result<cache::ListingEntry>& entry, Way way) mutable {
                 context.Count(ask, entry, way);
                 if (!entry) return done(std::unexpected(entry.error()));
                 done(Listed{entry->listing, kNever});
               });
}

File Fetcher::Open(const std::string& path, const FileVersion& version) {
  return {path, version, std::make_shared<cache::Shown>(state_->context.parts.cache.budget())};
}

void Fetcher::Compare(const File& file, TimePoint until, std::move_only_function<void(Status)> done) {
  Ask ask = state_->context.Own();
  ask.deadline = std::min(ask.deadline, until);
  ask.counted = false;
  state_->chunks.CompareShown(file, ask, std::move(done));
}

void Fetcher::Read(const File& file, uint64_t offset, size_t size,
                   std::move_only_function<void(Result<std::vector<Bytes>>)> done, profile::UsePtr use) {
  state_->chunks.ReadRange(file, offset, size, state_->context.Own(std::move(use)), std::move(done));
}

void Fetcher::ReadChunk(const File& file, uint64_t chunk, std::move_only_function<void(Result<Bytes>)> done) {
  Done<cache::Chunk> whole;
  if (done) {
    whole = [done = std::move(done)](const Result<cache::Chunk>& found, Way) mutable {
      done(found ? Result<Bytes>(found->bytes) : std::unexpected(found.error()));
    };
  }
  state_->chunks.Read(file, chunk, state_->context.Own(), std::move(whole));
}

void Fetcher::NoteDelivered(const File& file, uint64_t offset, uint64_t size) {
  state_->chunks.NoteDelivered(file, offset, size);
}

bool Fetcher::IsCacheable(const File& file) const {
  return state_->chunks.IsCacheable(file);
}

void Fetcher::Seek(const File& file, uint64_t offset, int whence, std::move_only_function<void(Result<uint64_t>)> done,
                   profile::UsePtr use) {
  state_->chunks.Seek(file, offset, whence, state_->context.Own(std::move(use)), std::move(done));
}

void Fetcher::Statfs(const std::string& path, std::move_only_function<void(Result<StatFs>)> done, profile::UsePtr use) {
  const Context& context = state_->context;
  const Ask ask = context.Own(std::move(use));
  context.parts.channel.WantTicks();
  state_->statfs.Run(
      context.PoolOf(path), context.Waiting(Doing::kMeasuring, path), ask.deadline,
      [&context, path] { return context.parts.store.Statfs(path); }, context.Counting(ask, std::move(done)));
}

std::vector<Fetcher::LongWait> Fetcher::LongWaits(size_t most) const {
  return state_->upstream.LongWaits(most);
}

void Fetcher::Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) {
  const std::optional<profile::Operation> operation = OperationOf(request.kind);
  if (request.kind == rpc::Kind::kSettle) return state_->settling.ServeSettle(from, request, std::move(respond));
  if (request.kind == rpc::Kind::kCompare) return state_->settling.ServeCompare(request, std::move(respond));
  if (!operation) {
    if (state_->control) state_->control(from, request, std::move(respond));
    return;
  }
  const Context& context = state_->context;
  context.parts.counters.Count(profile::Event::kRequestsFromChildren);
  context.parts.counters.Count(*operation);
  const Ask ask{DeadlineForChild(deadline), request.hops, profile::Begin(context.parts.recorder, *operation),
                request.as_root};
  if (ask.use) return Serve(request, ask, Ending(ask.use, std::move(respond)));
  Serve(request, ask, std::move(respond));
}

void Fetcher::Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond) {
  // Each hop is a level nearer to the root: a request that has come further goes round in a circle.
  if (request.hops > state_->context.parts.forest.MaxDepth()) return respond(rpc::ErrorReply({ELOOP, {}}));
  // What is local here is nobody else's business.
  if (state_->context.parts.file_systems.Of(request.path) != storage::Sharing::kShared) {
    return respond(rpc::ErrorReply({EINVAL, {}}));
  }
  switch (request.kind) {
    case rpc::Kind::kLook:
      return state_->names.Serve(request, ask, std::move(respond));
    case rpc::Kind::kList:
      return state_->listings.Serve(request, ask, std::move(respond));
    case rpc::Kind::kRead:
      return state_->chunks.Serve(request, ask, std::move(respond));
    default:
      return state_->chunks.ServeSeek(request, ask, std::move(respond));
  }
}

void Fetcher::Forget(const std::string& path) {
  const Context& context = state_->context;
  const cache::Epoch epoch = state_->epochs.Of(path, AskedOf::kSource);
  const uint64_t denied = cache::Forget(context.parts.cache, path, epoch, context.Now());
  context.parts.counters.Count(profile::Event::kTtlClears, denied);
  state_->chunks.Forget(path);
  state_->settling.Forget(path);
}

void Fetcher::BeginRefresh(const RefreshId& id, const std::string& path, TimePoint until) {
  const auto carry = [&, carried = state_->listings.Without(path)](cache::Epoch old, cache::Epoch now) {
    state_->listings.Carry(path, carried, old, now);
  };
  if (!state_->epochs.Begin(id, path, until, carry)) return;
  state_->context.parts.channel.WantTicks();
  Forget(path);
}

void Fetcher::EndRefresh(const RefreshId& id, const std::string& path, Told told) {
  if (!state_->epochs.End(id)) {
    BeginRefresh(id, path, kNever);
    state_->epochs.End(id);
  }
  Forget(path);  // what flights that had begun before have brought
  if (state_->listener == nullptr) return told(true);
  state_->listener->OnRefreshed(path, std::move(told));
}

// A refresh whose second pass does not come: whoever led it is lost.
void Fetcher::LeaveOverdue(TimePoint now) {
  for (cache::Epochs::Open& overdue : state_->epochs.Overdue(now)) {
    state_->context.parts.local.Submit([this, overdue = std::move(overdue)] {
      if (!state_->epochs.IsOpen(overdue.id)) return;
      state_->context.parts.log.Warning("the refresh of {} was begun by rank {} and never ended: ending it here",
                                        overdue.path, overdue.id.leader);
      EndRefresh(overdue.id, overdue.path, [](bool) {});
    });
  }
}

bool Fetcher::OnTick(TimePoint now) {
  LeaveOverdue(now);
  const Parts& parts = state_->context.parts;
  for (Executor* pool : {&parts.pool, &parts.detour, &parts.local}) pool->OnTick();
  bool flying = state_->epochs.any_open();
  flying = state_->names.Expire(now) || flying;
  flying = state_->listings.Expire(now) || flying;
  flying = state_->chunks.Expire(now) || flying;
  flying = state_->upstream.OnTick() || flying;
  return state_->statfs.Expire(now) || flying;
}

}  // namespace copper::fetch

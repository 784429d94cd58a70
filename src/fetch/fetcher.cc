#include "copper/fetch/fetcher.h"

#include "chunks.h"
#include "context.h"
#include "deadlines.h"
#include "listings.h"
#include "names.h"
#include "upstream.h"

namespace copper::fetch {
namespace {

Fetcher::Options WithTimeForEveryLevel(Fetcher::Options options, const tree::Forest& forest) {
  options.deadline += forest.MaxDepth() * kTimePerLevel;
  return options;
}

// What was kept before this epoch, of a path and all below it.
template <class Table>
void Forget(Table& table, const std::string& path, cache::Epoch epoch) {
  table.EraseIf([&](const auto& key) { return key.epoch < epoch && IsAtOrBelow(key.path, path); });
}

}  // namespace

void ChangeListener::OnRefreshed(const std::string&, std::move_only_function<void()> told) {
  told();
}

struct Fetcher::State {
  State(const Options& options, const Parts& parts) : context{options, parts, refreshes} {}

  Refreshes refreshes;
  Context context;
  Upstream upstream{context};
  Listings listings{context, upstream};
  Names names{context, upstream, listings};
  Chunks chunks{context, upstream};
  PoolCalls<StatFs> statfs;
  ControlHandler control;
  ChangeListener* listener = nullptr;
};

Fetcher::Fetcher(Options options, Parts parts)
    : state_(std::make_unique<State>(WithTimeForEveryLevel(options, parts.forest), parts)) {}

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

void Fetcher::Look(const std::string& path, std::move_only_function<void(Result<Found>)> done) {
  state_->names.Look(path, state_->context.Own(), std::move(done));
}

void Fetcher::List(const std::string& path, std::move_only_function<void(Result<Listed>)> done) {
  const Ask ask = state_->context.Own();
  if (state_->context.parts.file_systems.Of(path) != storage::Sharing::kShared) {
    return state_->listings.GetLocally(path, ask, std::move(done));
  }
  state_->listings.Get(path, Purpose::kReadDirectory, ask,
                       [done = std::move(done)](const Result<cache::ListingEntry>& entry) mutable {
                         if (!entry) return done(std::unexpected(entry.error()));
                         done(Listed{entry->listing, kNever});
                       });
}

void Fetcher::Read(const File& file, uint64_t offset, size_t size,
                   std::move_only_function<void(Result<std::vector<Bytes>>)> done) {
  state_->chunks.ReadRange(file, offset, size, state_->context.Own(), std::move(done));
}

void Fetcher::ReadChunk(const File& file, uint64_t chunk, std::move_only_function<void(Result<Bytes>)> done) {
  state_->chunks.Read(file, chunk, state_->context.Own(), std::move(done));
}

void Fetcher::NoteDelivered(const File& file, uint64_t offset, uint64_t size) {
  state_->chunks.NoteDelivered(file, offset, size);
}

bool Fetcher::IsCacheable(const File& file) const {
  return state_->chunks.IsCacheable(file);
}

void Fetcher::Seek(const File& file, uint64_t offset, int whence,
                   std::move_only_function<void(Result<uint64_t>)> done) {
  state_->chunks.Seek(file, offset, whence, state_->context.Own(), std::move(done));
}

void Fetcher::Statfs(std::move_only_function<void(Result<StatFs>)> done) {
  const Context& context = state_->context;
  context.parts.channel.WantTicks();
  state_->statfs.Run(
      context.PoolOf("/"), context.Own().deadline, [&context] { return context.parts.store.Statfs(); },
      std::move(done));
}

void Fetcher::Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) {
  const bool of_a_path = request.kind == rpc::Kind::kLook || request.kind == rpc::Kind::kList ||
                         request.kind == rpc::Kind::kRead || request.kind == rpc::Kind::kSeek;
  if (!of_a_path) {
    if (state_->control) state_->control(from, request, std::move(respond));
    return;
  }
  const Context& context = state_->context;
  context.parts.counters.Count(profile::Event::kRequestsFromChildren);
  // What is local here is nobody else's business.
  if (context.parts.file_systems.Of(request.path) != storage::Sharing::kShared) {
    return respond(ErrorReply({EINVAL, {}}));
  }
  const Ask ask{DeadlineForChild(deadline, context.Now()), request.hops};
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
  const cache::Epoch epoch = state_->refreshes.Of(path, AskedOf::kSource);
  cache::Cache& cache = state_->context.parts.cache;
  fetch::Forget(cache.metadata(), path, epoch);
  fetch::Forget(cache.tree(), path, epoch);
  fetch::Forget(cache.data(), path, epoch);
  cache.tree().EraseIf([&, directory = ParentPath(path)](const cache::PathKey& key) {
    return key.epoch < epoch && key.path == directory;
  });
  state_->chunks.Forget(path);
}

void Fetcher::BeginRefresh(const RefreshId& id, const std::string& path, TimePoint until) {
  const auto carry = [&, carried = state_->listings.Without(path)](cache::Epoch old, cache::Epoch now) {
    state_->listings.Carry(path, carried, old, now);
  };
  if (!state_->refreshes.Begin(id, path, until, carry)) return;
  state_->context.parts.channel.WantTicks();
  Forget(path);
}

void Fetcher::EndRefresh(const RefreshId& id, const std::string& path, std::move_only_function<void()> told) {
  if (!state_->refreshes.End(id)) {
    BeginRefresh(id, path, kNever);
    state_->refreshes.End(id);
  }
  Forget(path);  // what flights that had begun before have brought
  if (state_->listener == nullptr) return told();
  state_->listener->OnRefreshed(path, std::move(told));
}

// A refresh whose second pass does not come: whoever led it is lost.
void Fetcher::LeaveOverdue(TimePoint now) {
  for (Refreshes::Open& overdue : state_->refreshes.Overdue(now)) {
    state_->context.parts.pool.Submit([this, overdue = std::move(overdue)] {
      if (!state_->refreshes.IsOpen(overdue.id)) return;
      state_->context.parts.log.Warning("the refresh of {} was begun by rank {} and never ended: ending it here",
                                        overdue.path, overdue.id.leader);
      EndRefresh(overdue.id, overdue.path, [] {});
    });
  }
}

bool Fetcher::OnTick(TimePoint now) {
  LeaveOverdue(now);
  bool flying = state_->refreshes.any_open();
  flying = state_->names.Expire(now) || flying;
  flying = state_->listings.Expire(now) || flying;
  flying = state_->chunks.Expire(now) || flying;
  flying = state_->upstream.OnTick(now) || flying;
  return state_->statfs.Expire(now) || flying;
}

}  // namespace copper::fetch

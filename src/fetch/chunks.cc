#include "chunks.h"

#include <algorithm>

#include "copper/base/chunk_size.h"
#include "copper/base/path.h"
#include "copper/cache/vouched_comparison.h"
#include "copper/rpc/contents.h"

namespace copper::fetch {
namespace {

// Changed files that the log names.
constexpr size_t kMostNamed = 1000;

using cache::Chunk;
using cache::ChunkKey;
using profile::Event;

// In a reply's second argument: it was settled without the root of the name (settling.h).
constexpr uint32_t kAlone = 1;

// How often a chunk is read whose file is refreshed meanwhile.
constexpr int kTries = 3;

size_t SizeOfChunk(const ChunkKey& key) {
  return std::min<uint64_t>(kChunkSize, key.version.size - key.chunk * kChunkSize);
}

// Collects the pieces of one read that lies in several chunks; they come in any order, from any thread.
class Gather {
 public:
  Gather(const Context& context, const Ask& ask, size_t pieces, Chunks::RangeDone done)
      : context_(context), ask_(ask), pieces_(pieces), missing_(pieces), done_(std::move(done)) {}

  void Add(size_t index, const Result<Bytes>& bytes, Way way) {
    if (bytes && way == Way::kHit) context_.parts.counters.Count(Event::kBytesFromCache, bytes->size());
    std::optional<Whole> whole = Put(index, bytes, way);
    if (!whole) return;
    context_.Count(ask_, whole->bytes, whole->way);
    done_(std::move(whole->bytes));
  }

 private:
  struct Whole {
    Result<std::vector<Bytes>> bytes;
    Way way;
  };
  // Once the last piece is there.
  std::optional<Whole> Put(size_t index, const Result<Bytes>& bytes, Way way) {
    const MutexLock lock(mutex_);
    way_ = std::max(way_, way);
    if (bytes) {
      pieces_[index] = *bytes;
    } else if (!error_) {
      error_ = bytes.error();
    }
    if (--missing_ != 0) return std::nullopt;
    if (error_) return Whole{std::unexpected(*error_), way_};
    return Whole{std::move(pieces_), way_};
  }

  const Context& context_;
  const Ask ask_;
  Mutex mutex_;
  Way way_ GUARDED_BY(mutex_) = Way::kHit;
  std::vector<Bytes> pieces_ GUARDED_BY(mutex_);
  size_t missing_ GUARDED_BY(mutex_);
  std::optional<Error> error_ GUARDED_BY(mutex_);
  Chunks::RangeDone done_;
};

}  // namespace

bool Chunks::IsCacheable(const File& file) const {
  return file.version.size <= context_.options.max_cacheable &&
         context_.parts.file_systems.Of(file.path) == storage::Sharing::kShared;
}

ChunkKey Chunks::AskedKey(const File& file, uint64_t chunk) const {
  const TreeId tree = context_.parts.forest.OfChunk(file.path, file.version.size, chunk);
  return {file.path, file.version, chunk, context_.epochs.Of(file.path, context_.Asked(tree))};
}

void Chunks::Read(const File& file, uint64_t chunk, const Ask& ask, ChunkDone done) {
  const ChunkKey key = AskedKey(file, chunk);
  if (!file.shown || !done) return Get(key, ask, std::move(done));
  Get(key, ask,
      [this, file, asked = Asked{chunk, key.epoch, ask}, done = std::move(done)](const Result<Chunk>& found,
                                                                                 Way way) mutable {
        if (!found) return done(found, way);
        asked.way = way;
        ShowOwn(file, asked, *found, std::move(done));
      });
}

void Chunks::Get(const ChunkKey& key, const Ask& ask, ChunkDone done) {
  const auto held = [&] { return Held(key); };
  if (flights_.Join(key, ask.deadline, held, std::move(done)) != Way::kMiss) return;
  context_.parts.channel.WantTicks();
  const auto flight = std::make_shared<Flight>(key);
  context_.parts.cache.budget().Reserve(SizeOfChunk(key), DepthOf(key, ask),
                                        [this, flight, ask](cache::Reservation room) {
                                          flight->room = std::move(room);
                                          Fetch(flight, ask);
                                        });
}

// What was asked for before a refresh, or during one, may be of before it or not.
void Chunks::ShowOwn(const File& file, const Asked& asked, const Chunk& found, ChunkDone done) {
  const bool is_vouched = !found.alone && asked.epoch == context_.epochs.Of(file.path, AskedOf::kSource);
  const cache::Shown::Vouched vouched = is_vouched ? cache::Shown::Vouched(asked.epoch) : std::nullopt;
  const cache::Shown::Verdict verdict = file.shown->Show(asked.chunk, found, vouched);
  if (verdict == cache::Shown::Verdict::kSettled) return done(found, asked.way);
  auto compared = [this, path = file.path, found, way = asked.way,
                   done = std::move(done)](const Status& status) mutable {
    if (status) return done(found, way);
    NoteFailure(path, status.error());
    done(std::unexpected(status.error()), way);
  };
  if (verdict == cache::Shown::Verdict::kChanged) return compared(Fail(ESTALE));
  if (vouched) return CompareInJob(file, *vouched, asked.ask, std::move(compared));
  settling_.CompareShown(file, std::move(compared));
}

void Chunks::CompareShown(const File& file, const Ask& ask, std::move_only_function<void(Status)> done) {
  if (!file.shown->MayBeCompared()) return done(Fail(ESTALE));
  CompareInJob(file, context_.epochs.Of(file.path, AskedOf::kSource), ask, std::move(done));
}

void Chunks::CompareInJob(const File& file, cache::Epoch epoch, const Ask& ask,
                          std::move_only_function<void(Status)> done) {
  cache::Shown::Seals seals = file.shown->BeginComparison();
  const auto read = [this, file, epoch, ask](uint64_t chunk, cache::VouchedComparison::Found found) {
    const ChunkKey key = AskedKey(file, chunk);
    const bool is_of_epoch = key.epoch == epoch;
    Get(key, ask, [is_of_epoch, found = std::move(found)](const Result<Chunk>& one, Way) mutable {
      const bool is_vouched = one && !one->alone && is_of_epoch;
      found(one && !is_vouched ? Fail(EAGAIN) : one);
    });
  };
  auto compared = [this, file, epoch, comparison = seals.comparison,
                   done = std::move(done)](const Result<FileTime>& latest) mutable {
    if (!latest && latest.error().code == EAGAIN) return settling_.CompareShown(file, std::move(done));
    if (latest) file.shown->Settle(comparison, *latest, epoch);
    if (!latest && latest.error().code == ESTALE) file.shown->Refuse();
    done(latest ? Status() : std::unexpected(latest.error()));
  };
  std::make_shared<cache::VouchedComparison>(std::move(seals.chunks), read, std::move(compared))->Run();
}

ChunkKey Chunks::KeptKey(const File& file, uint64_t chunk) const {
  return {file.path, file.version, chunk, context_.epochs.Of(file.path, AskedOf::kSource)};
}

std::optional<Chunk> Chunks::Held(const ChunkKey& key) const {
  auto entry = context_.parts.cache.data().Get(key);
  if (!entry) return std::nullopt;
  return std::move(entry->chunk);
}

// Who reads in the root's place waits for nobody, as the root does.
uint32_t Chunks::DepthOf(const ChunkKey& key, const Ask& ask) const {
  return ask.as_root ? 0 : context_.parts.forest.Depth(context_.options.self, TreeOf(key));
}

void Chunks::Fetch(const FlightPtr& flight, const Ask& ask) {
  const ChunkKey& key = flight->key;
  rpc::Request request;
  request.kind = rpc::Kind::kRead;
  request.path = key.path;
  request.version = key.version;
  request.argument = key.chunk;
  const auto reply = [this, flight](const rpc::Reply& one) { OnReply(flight, one); };
  const auto read = [this, flight] { ReadSource(flight); };
  const auto is_wanted = [this, flight] { return flights_.IsWanted(flight->key); };
  upstream_.Fetch(TreeOf(key), std::move(request), ask, {reply, read, is_wanted});
}

void Chunks::OnReply(const FlightPtr& flight, const rpc::Reply& reply) {
  const ChunkKey& key = flight->key;
  if (reply.error != 0) return Finish(flight, Fail(reply.error));
  if (!IsWhole(key, reply)) {
    return upstream_.ReadInstead(reply.from, key.path, [this, flight] { ReadSource(flight); });
  }
  context_.parts.counters.Count(Event::kBytesFromParent, reply.payload.size());
  Finish(flight, Chunk{reply.payload, reply.seal, reply.ctime, reply.argument2 == kAlone});
}

bool Chunks::IsWhole(const ChunkKey& key, const rpc::Reply& reply) const {
  return (reply.flags & rpc::kSealed) != 0 && reply.payload.size() == SizeOfChunk(key) &&
         context_.IsWhole(rpc::Kind::kRead, key.path, key.version, key.chunk, reply.payload, reply.seal);
}

// What was being read while its file was refreshed is read again: it may be of before.
void Chunks::ReadSource(const FlightPtr& flight) {
  const ChunkKey& key = flight->key;
  flight->read_here = true;
  const auto epoch = [&] { return context_.epochs.Of(key.path, AskedOf::kSource); };
  for (int tries = 0; tries < kTries; ++tries) {
    const cache::Ledger::Key file{key.path, key.version, 0, epoch()};
    context_.parts.counters.Count(Event::kReadsAtSource);
    storage::Seen seen;
    const Result<Bytes> bytes =
        context_.parts.store.Read(key.path, key.version, key.chunk * kChunkSize, SizeOfChunk(key), seen);
    if (!bytes) return FailRead(flight, bytes.error());
    context_.parts.counters.Count(Event::kBytesFromSource, bytes->size());
    const Chunk chunk{*bytes, context_.SealOf(rpc::Kind::kRead, key.path, key.version, key.chunk, *bytes), seen.ctime};
    const cache::Ledger::Noted noted = settling_.ledger().Note(file, key.chunk, chunk.seal, seen.ctime);
    if (file.epoch == epoch()) return Show(flight, chunk, file, noted);
  }
  FailRead(flight, {ESTALE, {}});
}

void Chunks::Show(const FlightPtr& flight, const Chunk& chunk, const cache::Ledger::Key& file,
                  const cache::Ledger::Noted& noted) {
  const auto finish = [this, flight, file, chunk] {
    Finish(flight, Chunk{chunk.bytes, chunk.seal, chunk.ctime, settling_.ledger().IsAlone(file)});
  };
  if (noted.verdict == cache::Ledger::Noted::Verdict::kSettled) return finish();
  if (noted.verdict == cache::Ledger::Noted::Verdict::kChanged) return FailRead(flight, {ESTALE, {}});
  settling_.Ask(file, chunk.ctime, noted, [this, flight, finish](const Status& settled) {
    if (!settled) return FailRead(flight, settled.error());
    finish();
  });
}

void Chunks::FailRead(const FlightPtr& flight, const Error& error) {
  NoteFailure(flight->key.path, error);
  Finish(flight, std::unexpected(error));
}

// Kept before the flight ends: who comes later finds it in the table. The reservation becomes the table's charge.
void Chunks::Finish(const FlightPtr& flight, const Result<Chunk>& chunk) {
  const ChunkKey& key = flight->key;
  if (chunk && cache::Epochs::IsKept(key.epoch)) {
    cache::ChunkEntry entry{.chunk = *chunk, .read_here = flight->read_here};
    context_.parts.cache.data().Put(key, std::move(entry), chunk->bytes.charge() + key.path.size());
  }
  flight->room.Release();
  flights_.Complete(key, chunk);
}

// What everyone has who was to get it through this node need not stay: the kernel's page cache has it, and whoever has
// read it from the source keeps it for whoever comes again: the root of the tree, or who read in its place, where
// orphans of the lost may still come. Its memory is warm, and takes the next chunk: a page that is touched for the
// first time costs as much as sending it.
bool Chunks::HasEveryone(const ChunkKey& key, const cache::ChunkEntry& entry) const {
  if (entry.read_here || entry.delivered < kChunkSize) return false;
  return entry.served >= context_.parts.forest.Children(context_.options.self, TreeOf(key)).size();
}

// A last chunk that is not whole stays (HasEveryone), so most files have nothing to note.
void Chunks::NoteDelivered(const File& file, uint64_t offset, uint64_t size) {
  const uint64_t end = std::min(offset + size, file.version.size / kChunkSize * kChunkSize);
  for (uint64_t begin = offset; begin < end;) {
    const uint64_t next = std::min(end, (begin / kChunkSize + 1) * kChunkSize);
    const ChunkKey key = KeptKey(file, begin / kChunkSize);
    context_.parts.cache.data().EraseWhen(key, [&](cache::ChunkEntry& entry) {
      entry.delivered += next - begin;
      return HasEveryone(key, entry);
    });
    begin = next;
  }
}

void Chunks::NoteServed(const ChunkKey& key) {
  context_.parts.cache.data().EraseWhen(key, [&](cache::ChunkEntry& entry) {
    ++entry.served;
    return HasEveryone(key, entry);
  });
}

void Chunks::ReadRange(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done) {
  if (offset >= file.version.size) return done(std::vector<Bytes>{});
  size = std::min<uint64_t>(size, file.version.size - offset);
  if (size == 0) return done(std::vector<Bytes>{});
  if (!IsCacheable(file)) return ReadDirectly(file, offset, size, ask, std::move(done));
  ReadPieces(file, offset, size, ask, std::move(done));
}

void Chunks::ReadPieces(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done) {
  const uint64_t first = offset / kChunkSize;
  const uint64_t last = (offset + size - 1) / kChunkSize;
  const auto gather = std::make_shared<Gather>(context_, ask, last - first + 1, std::move(done));
  for (uint64_t chunk = first; chunk <= last; ++chunk) {
    const uint64_t begin = std::max(offset, chunk * kChunkSize);
    const uint64_t end = std::min<uint64_t>(offset + size, (chunk + 1) * kChunkSize);
    Read(file, chunk, ask, [gather, index = chunk - first, begin, end](const Result<Chunk>& found, Way way) {
      if (!found) return gather->Add(index, std::unexpected(found.error()), way);
      gather->Add(index, found->bytes.Slice(begin % kChunkSize, end - begin), way);
    });
  }
}

// Local files and those above --max-cacheable-byte-size: the kernel's page cache is the only cache.
void Chunks::ReadDirectly(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done) {
  context_.parts.channel.WantTicks();
  auto read = [this, file, offset, size]() -> Result<std::vector<Bytes>> {
    context_.parts.counters.Count(Event::kReadsAtSource);
    Result<Bytes> bytes = context_.parts.store.Read(file.path, file.version, offset, size);
    if (!bytes) {
      NoteFailure(file.path, bytes.error());
      return std::unexpected(bytes.error());
    }
    context_.parts.counters.Count(Event::kBytesFromSource, bytes->size());
    return std::vector<Bytes>{*std::move(bytes)};
  };
  direct_.Run(context_.PoolOf(file.path), context_.Waiting(Doing::kReading, file.path), ask.deadline, std::move(read),
              context_.Counting(ask, std::move(done)));
}

void Chunks::Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond) {
  const FileVersion& version = request.version;
  if (version.size == 0 || request.argument > (version.size - 1) / kChunkSize)
    return respond(rpc::ErrorReply({EINVAL, {}}));
  const File file{request.path, version};
  const ChunkKey key = KeptKey(file, request.argument);
  Read(file, request.argument, ask,
       [this, ask, key, version, respond = std::move(respond)](const Result<Chunk>& chunk, Way way) mutable {
         context_.Count(ask, chunk, way);
         if (!chunk) return respond(rpc::ErrorReply(chunk.error()));
         const Bytes& bytes = chunk->bytes;
         if (way == Way::kHit) context_.parts.counters.Count(Event::kBytesFromCache, bytes.size());
         rpc::Reply reply;
         reply.flags = rpc::kSealed;
         if (bytes.charge() == 0) reply.flags |= rpc::kZeros;  // a hole
         reply.version = version;
         reply.ctime = chunk->ctime;
         reply.argument2 = chunk->alone ? kAlone : 0;
         reply.seal = chunk->seal;
         reply.payload = bytes;
         context_.parts.counters.Count(Event::kBytesToChildren, bytes.size());
         respond(std::move(reply));
         NoteServed(key);
       });
}

// Where data and holes are is rarely asked: the root is asked each time, nothing is kept.
void Chunks::Seek(const File& file, uint64_t offset, int whence, const Ask& ask,
                  std::move_only_function<void(Result<uint64_t>)> answer) {
  context_.parts.channel.WantTicks();
  auto done = context_.Counting(ask, std::move(answer));
  auto seek = [this, file, offset, whence] {
    return context_.parts.store.Seek(file.path, file.version, offset, whence);
  };
  if (!IsCacheable(file)) {
    return seeks_.Run(context_.PoolOf(file.path), context_.Waiting(Doing::kSeeking, file.path), ask.deadline,
                      std::move(seek), std::move(done));
  }
  const Ticket ticket = seeks_.Begin(ask.deadline, std::move(done));
  rpc::Request request;
  request.kind = rpc::Kind::kSeek;
  request.path = file.path;
  request.version = file.version;
  request.argument = offset;
  request.argument2 = static_cast<uint32_t>(whence);
  upstream_.Fetch(context_.parts.forest.OfChunk(file.path, file.version.size, 0), std::move(request), ask,
                  {.reply =
                       [this, ticket](const rpc::Reply& reply) {
                         seeks_.Complete(ticket,
                                         reply.error != 0 ? Fail(reply.error) : Result<uint64_t>(reply.argument));
                       },
                   .read = seeks_.AsTask(ticket, std::move(seek)),
                   .is_wanted = [this, ticket] { return seeks_.IsWanted(ticket); }});
}

void Chunks::ServeSeek(const rpc::Request& request, const Ask& ask, rpc::Responder respond) {
  Seek({request.path, request.version}, request.argument, static_cast<int>(request.argument2), ask,
       [respond = std::move(respond)](const Result<uint64_t>& found) mutable {
         if (!found) return respond(rpc::ErrorReply(found.error()));
         rpc::Reply reply;
         reply.argument = *found;
         respond(std::move(reply));
       });
}

void Chunks::NoteFailure(const std::string& path, const Error& error) {
  if (error.code != ESTALE) return context_.LogSourceError("read", path, error);
  context_.parts.counters.Count(Event::kStale);
  const MutexLock lock(stale_mutex_);
  if (stale_.size() >= kMostNamed || !stale_.insert(path).second) return;
  context_.parts.log.Error("the source changed under the job: {}; its readers get ESTALE", path);
  if (stale_.size() == kMostNamed) context_.parts.log.Error("others that changed are only counted");
}

void Chunks::Forget(const std::string& path) {
  const MutexLock lock(stale_mutex_);
  std::erase_if(stale_, [&](const std::string& stale) { return IsAtOrBelow(stale, path); });
}

bool Chunks::Expire(TimePoint now) {
  bool flying = context_.parts.cache.budget().Retry();
  flying = flights_.Expire(now) || flying;
  flying = direct_.Expire(now) || flying;
  return seeks_.Expire(now) || flying;
}

}  // namespace copper::fetch

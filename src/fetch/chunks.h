// The bytes of files, chunk by chunk: from the data table, from the parent, or from the source.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "context.h"
#include "copper/base/mutex.h"
#include "fetch/single_flight.h"
#include "pool_calls.h"
#include "settling.h"
#include "upstream.h"

namespace copper::fetch {

class Chunks {
 public:
  using ChunkDone = Done<cache::Chunk>;
  using RangeDone = std::move_only_function<void(Result<std::vector<Bytes>>)>;

  Chunks(const Context& context, Upstream& upstream, Settling& settling)
      : context_(context), upstream_(upstream), settling_(settling) {}

  bool IsCacheable(const File& file) const;
  // One whole chunk of a cacheable file, to be shown to whom it was opened for beside what he was shown before
  // (cache/shown.h). Where `done` is empty, whoever comes later finds it in the table.
  void Read(const File& file, uint64_t chunk, const Ask& ask, ChunkDone done);
  // Whether all that was shown of an opened file is what it is now; reads it again. ESTALE if not.
  void CompareShown(const File& file, const Ask& ask, std::move_only_function<void(Status)> done);
  // [offset, offset+size), of any file, for this node's own kernel.
  void ReadRange(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done);
  // This node's kernel has [offset, offset+size) of a file now, or its page cache was given it.
  void NoteDelivered(const File& file, uint64_t offset, uint64_t size);
  void Serve(const rpc::Request& request, const Ask& ask, rpc::Responder respond);

  void Seek(const File& file, uint64_t offset, int whence, const Ask& ask,
            std::move_only_function<void(Result<uint64_t>)> done);
  void ServeSeek(const rpc::Request& request, const Ask& ask, rpc::Responder respond);

  // Was refreshed: what changes from now on is logged again.
  void Forget(const std::string& path);
  bool Expire(TimePoint now);

 private:
  // What this node fetches, and the room that is reserved for it.
  struct Flight {
    const cache::ChunkKey key;
    cache::Reservation room{};
    bool read_here = false;  // from the source, by this node
  };
  using FlightPtr = std::shared_ptr<Flight>;
  void Get(const cache::ChunkKey& key, const Ask& ask, ChunkDone done);
  struct Asked {
    uint64_t chunk;
    cache::Epoch epoch;
    Ask ask;
    Way way = Way::kNone;
  };
  void ShowOwn(const File& file, const Asked& asked, const cache::Chunk& found, ChunkDone done);
  // Whether all that was shown of the file is what roots vouch for in this epoch. ESTALE if not.
  void CompareInJob(const File& file, cache::Epoch epoch, const Ask& ask, std::move_only_function<void(Status)> done);
  void Fetch(const FlightPtr& flight, const Ask& ask);
  void OnReply(const FlightPtr& flight, const rpc::Reply& reply);
  bool IsWhole(const cache::ChunkKey& key, const rpc::Reply& reply) const;
  void ReadSource(const FlightPtr& flight);
  void Show(const FlightPtr& flight, const cache::Chunk& chunk, const cache::Ledger::Key& file,
            const cache::Ledger::Noted& noted);
  // What is asked for now.
  cache::ChunkKey AskedKey(const File& file, uint64_t chunk) const;
  // Where a chunk is kept, if it is: not while a refresh forbids keeping it.
  cache::ChunkKey KeptKey(const File& file, uint64_t chunk) const;
  std::optional<cache::Chunk> Held(const cache::ChunkKey& key) const;
  void FailRead(const FlightPtr& flight, const Error& error);
  void Finish(const FlightPtr& flight, const Result<cache::Chunk>& chunk);
  TreeId TreeOf(const cache::ChunkKey& key) const {
    return context_.parts.forest.OfChunk(key.path, key.version.size, key.chunk);
  }
  // Memory for it is reserved at this one.
  uint32_t DepthOf(const cache::ChunkKey& key, const Ask& ask) const;
  bool HasEveryone(const cache::ChunkKey& key, const cache::ChunkEntry& entry) const;
  void NoteServed(const cache::ChunkKey& key);
  void ReadPieces(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done);
  void ReadDirectly(const File& file, uint64_t offset, size_t size, const Ask& ask, RangeDone done);
  void NoteFailure(const std::string& path, const Error& error);

  const Context& context_;
  Upstream& upstream_;
  Settling& settling_;
  SingleFlight<cache::ChunkKey, cache::Chunk> flights_;
  PoolCalls<std::vector<Bytes>> direct_;
  PoolCalls<uint64_t> seeks_;

  Mutex stale_mutex_;
  std::set<std::string> stale_ GUARDED_BY(stale_mutex_);  // paths whose change was logged
};

}  // namespace copper::fetch

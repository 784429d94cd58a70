// The bytes of files, chunk by chunk: from the data table, from the parent, or from the source.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "context.h"
#include "copper/fetch/single_flight.h"
#include "pool_calls.h"

namespace copper::fetch {

class Chunks {
 public:
  using ChunkDone = std::move_only_function<void(Result<Bytes>)>;
  using RangeDone = std::move_only_function<void(Result<std::vector<Bytes>>)>;

  explicit Chunks(const Context& context) : context_(context) {}

  bool IsCacheable(const File& file) const;
  // One whole chunk of a cacheable file. `done` may be empty: a prefetch.
  void Read(const File& file, uint64_t chunk, Ask ask, ChunkDone done);
  // [offset, offset+size), of any file.
  void ReadRange(const File& file, uint64_t offset, size_t size, Ask ask, RangeDone done);
  void Serve(const rpc::Request& request, Ask ask, rpc::Responder respond);

  void Seek(const File& file, uint64_t offset, int whence, Ask ask,
            std::move_only_function<void(Result<uint64_t>)> done);
  void ServeSeek(const rpc::Request& request, Ask ask, rpc::Responder respond);

  // Was refreshed: what changes from now on is logged again.
  void Forget(const std::string& path);
  bool Expire(TimePoint now);

 private:
  void AskStore(const cache::ChunkKey& key);
  void AskParent(const cache::ChunkKey& key, TreeId tree, Ask ask);
  void Finish(const cache::ChunkKey& key, const Result<Bytes>& bytes);
  void ReadPieces(const File& file, uint64_t offset, size_t size, Ask ask, RangeDone done);
  void ReadDirectly(const File& file, uint64_t offset, size_t size, Ask ask, RangeDone done);
  void NoteFailure(const std::string& path, const Error& error);

  const Context& context_;
  SingleFlight<cache::ChunkKey, Bytes> flights_;
  PoolCalls<std::vector<Bytes>> direct_;
  PoolCalls<uint64_t> seeks_;

  std::mutex stale_mutex_;
  std::set<std::string> stale_;  // paths whose change was logged
};

}  // namespace copper::fetch

// Compares what was shown of a file with what roots of names vouch for now (shown.h), one chunk after the other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "copper/cache/shown.h"

namespace copper::cache {

class VouchedComparison : public std::enable_shared_from_this<VouchedComparison> {
 public:
  using Found = std::move_only_function<void(const Result<Chunk>&)>;
  // Gives the chunk as it is vouched for now, at once or later, by any thread. Fails if it can't be had so.
  using Read = std::function<void(uint64_t chunk, Found found)>;
  // The latest ctime of all chunks if they are equal; ESTALE if one is not; else why a chunk could not be had.
  using Done = std::move_only_function<void(Result<FileTime>)>;

  VouchedComparison(std::vector<std::pair<uint64_t, Seal>> seals, Read read, Done done)
      : seals_(std::move(seals)), read_(std::move(read)), done_(std::move(done)) {}

  // Once. `done` is called once, by whoever brings the last chunk.
  void Run();

 private:
  enum class Turn { kAsking, kAsked, kAnswered };

  void OnFound(const Result<Chunk>& found);
  Status Judge(const Result<Chunk>& found);

  const std::vector<std::pair<uint64_t, Seal>> seals_;
  const Read read_;
  Done done_;
  std::atomic<Turn> turn_{Turn::kAsking};
  // Of whoever has the turn.
  size_t next_ = 0;
  FileTime latest_;
  std::optional<Error> failure_;
};

}  // namespace copper::cache

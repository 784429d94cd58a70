// Paths in ascending order with what is known of each: as they travel between ranks and are merged, without ever being
// in memory twice.
//
// A run is a list of pieces of at most kMaxPiece bytes, each of which can be read by itself: rows, one after the other.
// A path is written as the length of what it shares with the one before it in its piece, and the rest (front coding;
// Witten, Moffat, Bell: Managing Gigabytes, 4.1), so that most take 20 to 30 bytes. Copies of a run share its memory.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "copper/base/bytes.h"
#include "copper/base/result.h"

namespace copper::profile {

enum class PathKind : uint8_t { kUnknown, kAbsent, kFile, kDirectory, kSymlink, kOther, kCount };
std::string_view Name(PathKind kind);  // "unknown", "absent", "file", "directory", "symlink", "other"

// What happened to a path, as far as it reached Copper: what the kernel's caches answered is not seen.
struct PathUse {
  PathKind kind = PathKind::kUnknown;
  uint64_t events = 0;
  uint64_t hits = 0, misses = 0, negative = 0;
  uint64_t ttl_serves = 0;  // absences answered from a table
  uint64_t bytes = 0;       // given to readers
  // Sums; what exists wins over what is absent.
  void Merge(const PathUse& other);
  bool operator==(const PathUse&) const = default;
};

class PathRun {
 public:
  static constexpr size_t kMaxPiece = (size_t{1} << 20) - 256;
  static constexpr size_t kMaxPath = size_t{64} * 1024;

  // In ascending order of bytes, each path once, none longer than kMaxPath; others are left out.
  void Append(std::string_view path, const PathUse& use);

  uint64_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  void ForEach(const std::function<void(std::string_view path, const PathUse& use)>& row) const;

  // The rows as they travel: the first piece, which is in the run no more; nullopt after the last.
  std::optional<Bytes> TakePiece();

 private:
  void Close();  // the piece that is being written

  std::deque<Bytes> pieces_;
  std::string open_;  // the piece that is being written
  std::string last_;  // the path that was appended last
  uint64_t rows_ = 0;
};

// Reads the rows of pieces as they come, one after the other, and lets go of each that has been read.
class PathCursor {
 public:
  // The next piece; nullopt after the last.
  using Next = std::move_only_function<Result<std::optional<Bytes>>()>;
  explicit PathCursor(Next next) : next_(std::move(next)) {}

  // Goes to the next row; false after the last. What `next` fails with; EBADMSG where its pieces are none, or not in
  // order.
  Result<bool> Advance();
  const std::string& path() const { return path_; }
  const PathUse& use() const { return use_; }

 private:
  Status TakeRow();

  Next next_;
  Bytes piece_;
  size_t at_ = 0;      // in piece_
  bool first_ = true;  // of all
  std::string path_;
  PathUse use_;
};

// What is in both, in one run; `into` is read piece by piece and holds the result afterwards. At an error, it holds its
// own rows and those of the other that had come.
Status Merge(PathRun& into, PathCursor& other);

}  // namespace copper::profile

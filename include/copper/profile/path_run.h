// Paths in ascending order with what is known of each: as they travel between ranks, and are merged, without ever being
// whole in memory twice.
//
// A run is a list of pieces of at most kMaxPiece bytes, each of which can be read by itself. In a piece each path is
// written as the length of what it shares with the one before it, and the rest (front coding; Witten, Moffat and Bell,
// Managing Gigabytes, 4.1): some 20 bytes for a path of 100.
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

enum class PathKind : uint8_t { kUnknown, kAbsent, kFile, kDirectory, kSymlink, kOther };
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

struct PathRow {
  std::string path;
  PathUse use;
  bool operator==(const PathRow&) const = default;
};

class PathRun {
 public:
  static constexpr size_t kMaxPiece = 1 << 20;
  // Paths longer than this are not recorded (the kernel takes none longer than PATH_MAX, 4096).
  static constexpr size_t kMaxPath = 64 * 1024;

  // In ascending order of bytes; each path once.
  void Append(std::string_view path, const PathUse& use);

  size_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }

  // What travels: takes the first piece away. Nullopt: there is none.
  std::optional<Bytes> TakePiece();
  // The other side: EBADMSG where this is no piece, or does not come after what is there.
  Status AddPiece(Bytes piece);

  void ForEach(const std::function<void(std::string_view path, const PathUse& use)>& row) const;

 private:
  friend class PathRunReader;
  std::deque<Bytes> pieces_;
  size_t rows_ = 0;
};

}  // namespace copper::profile

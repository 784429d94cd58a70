// How a file is being read, seen from the reads that reach Copper, and which chunks to have ready ahead of them.
//
// - The first chunk of a library (ELF) means that it is about to be mapped: fetch all of it ahead of its page faults,
//   which come small and scattered (a mapping faulted in at 350 KB/s where sequential reading gave 13 MB/s).
// - Reads that follow one another: a window ahead that doubles up to kMaxAhead chunks.
// - Scattered reads of a file of moderate size: it is mapped; fetch all of it.
// Pure: no clock, no lock; the caller serialises.
#pragma once

#include <cstdint>

namespace copper::cache {

class ReadPattern {
 public:
  static constexpr uint64_t kMaxAhead = 8;                      // chunks in flight for a sequential reader
  static constexpr uint64_t kWholeMapped = uint64_t{64} << 20;  // bytes: scattered reads up to this size fetch all
  static constexpr uint64_t kWholeLibrary = uint64_t{2} << 30;  // bytes: the same for libraries

  explicit ReadPattern(uint64_t file_size) : file_size_(file_size) {}

  // Chunks [first, end) to have ahead after this read.
  struct Ahead {
    uint64_t first = 0, end = 0;
    bool whole = false;  // keep kMaxAhead in flight until `end`, whether or not more reads come
    bool operator==(const Ahead&) const = default;
  };
  Ahead OnRead(uint64_t offset, uint64_t size);
  // The first chunk has arrived and is a library.
  void SetLibrary() { library_ = true; }

 private:
  uint64_t file_size_;
  uint64_t next_offset_ = 0;
  uint64_t window_ = 0;
  uint32_t scattered_ = 0;
  bool library_ = false;
};

}  // namespace copper::cache

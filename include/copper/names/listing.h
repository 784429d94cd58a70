// A directory at one moment: its attributes, and its names (without . and ..) in the order of their hashes, which is
// the order that readers of the directory see: a place in it means the same in every listing of the directory.
//
// Packed: one run of bytes, laid out as it travels (src/wire/README.md), and the offset of each name in it. A million
// names of 12 bytes cost 28 MB, and children are sent the bytes as they are. Names are read through views; attributes
// are unpacked when they are asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/result.h"
#include "copper/base/seal.h"
#include "copper/names/attributes.h"

namespace copper {

// A view into a listing, valid as long as that lives.
struct DirectoryEntry {
  std::string_view name;
  uint64_t inode = 0;
  uint8_t type = 0;                              // DT_*, DT_UNKNOWN where the source does not say
  std::span<const std::byte> packed_attributes;  // empty where they were not cheap to get

  bool has_attributes() const { return !packed_attributes.empty(); }
  // Unpacked at each call.
  std::optional<Attributes> attributes() const;
};

// Immutable once shared; any thread. Copies share the bytes.
class Listing {
 public:
  // Takes bytes that nobody vouches for: EBADMSG unless every length is right, they are of a directory, names are
  // neither empty nor "." nor ".." nor hold '/' or NUL, are in order and occur once, and types and flags are known.
  static Result<Listing> FromBytes(Bytes packed);

  const Attributes& directory() const { return directory_; }
  // Whether a name that is not in it is absent: the directory was readable to the end, is no automount, and had been
  // left alone for 2 s when it was read (a change in the same tick of its mtime would be missed otherwise).
  bool answers_absence() const { return answers_absence_; }

  size_t size() const { return offsets_.size(); }  // names
  DirectoryEntry operator[](size_t at) const;
  // All of them, in order: for loops and algorithms.
  auto entries() const {
    return std::views::iota(size_t{0}, size()) | std::views::transform([this](size_t at) { return (*this)[at]; });
  }
  // nullopt if the name is not there.
  std::optional<DirectoryEntry> Find(std::string_view name) const;

  // Where a reader is who has had the names up to and with this one: more than kBeforeNames, fits an off_t. From there
  // any listing of this directory can go on, so that a reader has each name once that is in all of them.
  uint64_t PositionAfter(size_t at) const;
  // The first name behind a position (any number); size(): none. Positions up to kBeforeNames are before all names.
  size_t FirstAfter(uint64_t position) const;
  static constexpr uint64_t kBeforeNames = 2;

  // What travels.
  const Bytes& packed() const { return packed_; }
  // By whoever has made it, over these bytes; zeros where it has none.
  const Seal& seal() const { return seal_; }
  void SetSeal(const Seal& seal) { seal_ = seal; }
  // Memory held, in bytes.
  size_t charge() const;

 private:
  friend class ListingBuilder;
  Listing(Bytes packed, Attributes directory, bool answers_absence, std::vector<uint32_t> offsets);
  std::string_view NameAt(size_t at) const;
  uint64_t HashAt(size_t at) const;
  // The first name with this hash, or one above it.
  size_t FirstFrom(uint64_t hash) const;

  Bytes packed_;
  Attributes directory_;
  bool answers_absence_ = false;
  Seal seal_{};
  std::vector<uint32_t> offsets_;  // of each entry in `packed_`
};

using ListingPtr = std::shared_ptr<const Listing>;

}  // namespace copper

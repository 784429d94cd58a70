#include "copper/profile/profile_stream.h"

#include <algorithm>
#include <span>
#include <type_traits>

#include "varint.h"

namespace copper::profile {
namespace {

// The members of each struct, named once for both directions.
template <class Codec, class T>
void Describe(Codec& codec, T& value) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, Latencies>) {
    codec(value.sum_ns, value.min_ns, value.max_ns, value.buckets);
  } else if constexpr (std::is_same_v<Plain, OperationUse>) {
    codec(value.calls, value.hits, value.misses, value.coalesced, value.negative, value.errors, value.latency);
  } else if constexpr (std::is_same_v<Plain, TableUse>) {
    codec(value.entries, value.bytes, value.evictions);
  } else if constexpr (std::is_same_v<Plain, RankUse>) {
    codec(value.rank, value.host, value.pid, value.address, value.parent, value.depth, value.start.mpi_us,
          value.start.fabric_us, value.start.mount_us, value.start.serving_us, value.registration_us, value.uptime_us,
          value.memory_peak_bytes, value.budget_bytes, value.bytes_from_cache, value.bytes_from_parent,
          value.bytes_from_source, value.bytes_to_children, value.tables);
  } else if constexpr (std::is_same_v<Plain, PathUse>) {
    codec(value.kind, value.events, value.hits, value.misses, value.negative, value.ttl_serves, value.bytes);
  } else if constexpr (std::is_same_v<Plain, TopPath>) {
    codec(value.path, value.events, value.excess, value.use);
  } else {
    static_assert(std::is_same_v<Plain, Profile>);
    codec(value.tag, value.target, value.job_ranks, value.metrics, value.top_n, value.paths_full, value.operations,
          value.events, value.ranks, value.top);
  }
}

template <class T>
concept Number = std::is_integral_v<T> || std::is_enum_v<T>;

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  template <class... Members>
  void operator()(const Members&... members) {
    (Add(members), ...);
  }

 private:
  template <class T>
  void Add(const T& value) {
    if constexpr (Number<T>) {
      AppendVarint(out_, static_cast<uint64_t>(value));
    } else {
      Describe(*this, value);
    }
  }
  void Add(const std::string& text) { AppendText(out_, text); }
  template <class T, size_t kSize>
  void Add(const std::array<T, kSize>& items) {
    AddItems(items);
  }
  template <class T>
  void Add(const std::vector<T>& items) {
    AddItems(items);
  }
  // With their number before them: ranks of different builds do not meet, but a wrong number is noticed at once.
  void AddItems(const auto& items) {
    AppendVarint(out_, items.size());
    for (const auto& item : items) Add(item);
  }

  std::string& out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view text) : reader_(std::as_bytes(std::span(text))) {}
  template <class... Members>
  void operator()(Members&... members) {
    (Take(members), ...);
  }
  bool IsWhole() const { return ok_ && reader_.ok() && reader_.left() == 0; }

 private:
  template <class T>
  void Take(T& value) {
    if constexpr (Number<T>) {
      value = static_cast<T>(TakeVarint(reader_));
    } else {
      Describe(*this, value);
    }
  }
  void Take(PathKind& kind) { kind = static_cast<PathKind>(std::min<uint64_t>(TakeVarint(reader_), kLastKind)); }
  void Take(std::string& text) { text = TakeText(reader_); }
  template <class T, size_t kSize>
  void Take(std::array<T, kSize>& items) {
    ok_ = ok_ && TakeVarint(reader_) == kSize;
    for (T& item : items) Take(item);
  }
  template <class T>
  void Take(std::vector<T>& items) {
    const uint64_t count = TakeVarint(reader_);
    ok_ = ok_ && count <= reader_.left();  // each takes a byte at least: no memory for what cannot be there
    for (uint64_t i = 0; ok_ && i < count; ++i) Take(items.emplace_back());
  }

  static constexpr uint64_t kLastKind = static_cast<uint64_t>(PathKind::kOther);
  Reader reader_;
  bool ok_ = true;
};

Bytes Piece(char kind, std::span<const std::byte> content) {
  Buffer buffer = Buffer::Allocate(content.size() + 1);
  buffer.data()[0] = static_cast<std::byte>(kind);
  std::ranges::copy(content, buffer.data() + 1);
  return std::move(buffer).Freeze(content.size() + 1);
}

Result<Profile> TakeHead(NextPiece& next) {
  std::string text;
  while (true) {
    const Result<Bytes> piece = next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return Fail(EBADMSG, "an empty piece of a profile");
    const auto kind = static_cast<char>(piece->span()[0]);
    if (kind != 'h' && kind != 'l') return Fail(EBADMSG, "a profile without its head");
    text.append(reinterpret_cast<const char*>(piece->data()) + 1, piece->size() - 1);
    if (kind == 'l') break;
  }
  Profile profile;
  Decoder decoder(text);
  decoder(profile);
  if (!decoder.IsWhole()) return Fail(EBADMSG, "the head of a profile is not whole");
  return profile;
}

}  // namespace

ProfileStream::ProfileStream(const Profile& profile) : paths_(profile.paths) {
  Encoder{head_}(profile);
}

std::optional<Bytes> ProfileStream::Next() {
  if (!head_over_) {
    const std::string_view part = std::string_view(head_).substr(sent_, PathRun::kMaxPiece);
    sent_ += part.size();
    head_over_ = sent_ == head_.size();
    return Piece(head_over_ ? 'l' : 'h', std::as_bytes(std::span(part)));
  }
  if (over_) return std::nullopt;
  if (const std::optional<Bytes> paths = paths_.TakePiece()) return Piece('p', paths->span());
  over_ = true;
  return Piece('e', {});
}

Status MergeStream(Profile& into, NextPiece next) {
  Result<Profile> head = TakeHead(next);
  if (!head) return std::unexpected(head.error());
  PathCursor paths([&next]() -> Result<std::optional<Bytes>> {
    const Result<Bytes> piece = next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->size() == 1 && static_cast<char>(piece->span()[0]) == 'e') return std::nullopt;
    if (piece->empty() || static_cast<char>(piece->span()[0]) != 'p') return Fail(EBADMSG, "no piece of a profile");
    return piece->Slice(1, piece->size() - 1);
  });
  if (const Status merged = Merge(into.paths, paths); !merged) return merged;
  MergeHead(into, *head);
  return {};
}

}  // namespace copper::profile

#include "copper/profile/path_run.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "varint.h"

namespace copper::profile {
namespace {

constexpr size_t kRowBeyondPath = size_t{9} * 10;  // eight integers of at most ten bytes, and the kind

size_t SharedPrefix(std::string_view a, std::string_view b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

void AppendUse(std::string& out, const PathUse& use) {
  out += static_cast<char>(use.kind);
  for (const uint64_t value : {use.events, use.hits, use.misses, use.negative, use.ttl_serves, use.bytes}) {
    AppendVarint(out, value);
  }
}

PathUse TakeUse(Reader& reader) {
  PathUse use;
  use.kind = static_cast<PathKind>(std::min(reader.Take<uint8_t>(), static_cast<uint8_t>(PathKind::kOther)));
  for (uint64_t* value : {&use.events, &use.hits, &use.misses, &use.negative, &use.ttl_serves, &use.bytes}) {
    *value = TakeVarint(reader);
  }
  return use;
}

}  // namespace

std::string_view Name(PathKind kind) {
  static constexpr std::string_view kNames[] = {"unknown", "absent", "file", "directory", "symlink", "other"};
  static_assert(std::size(kNames) == static_cast<size_t>(PathKind::kCount));
  return kNames[static_cast<size_t>(kind)];
}

void PathUse::Merge(const PathUse& other) {
  kind = std::max(kind, other.kind);
  events += other.events;
  hits += other.hits;
  misses += other.misses;
  negative += other.negative;
  ttl_serves += other.ttl_serves;
  bytes += other.bytes;
}

void PathRun::Append(std::string_view path, const PathUse& use) {
  if (path.size() > kMaxPath || (rows_ > 0 && path <= last_)) return;
  if (open_.size() + path.size() + kRowBeyondPath > kMaxPiece) Close();
  const size_t shared = open_.empty() ? 0 : SharedPrefix(last_, path);
  AppendVarint(open_, shared);
  AppendText(open_, path.substr(shared));
  AppendUse(open_, use);
  last_.assign(path);
  ++rows_;
}

void PathRun::Close() {
  if (open_.empty()) return;
  pieces_.push_back(Bytes::Copy(std::as_bytes(std::span(open_))));
  open_.clear();
}

void PathRun::ForEach(const std::function<void(std::string_view, const PathUse&)>& row) const {
  PathRun copy = *this;  // shares the pieces
  PathCursor cursor([&copy] { return copy.TakePiece(); });
  while (cursor.Advance().value_or(false)) row(cursor.path(), cursor.use());
}

std::optional<Bytes> PathRun::TakePiece() {
  if (pieces_.empty()) Close();
  if (pieces_.empty()) {
    rows_ = 0;
    return std::nullopt;
  }
  Bytes piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

Result<bool> PathCursor::Advance() {
  while (at_ >= piece_.size()) {
    Result<std::optional<Bytes>> piece = next_();
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) return false;
    piece_ = std::move(**piece);
    at_ = 0;
  }
  if (const Status taken = TakeRow(); !taken) return std::unexpected(taken.error());
  return true;
}

Status PathCursor::TakeRow() {
  Reader reader(piece_.span().subspan(at_));
  const uint64_t shared = TakeVarint(reader);
  const std::string_view rest = TakeText(reader);
  const PathUse use = TakeUse(reader);
  if (!reader.ok() || shared > path_.size() || shared + rest.size() > PathRun::kMaxPath) {
    return Fail(EBADMSG, "these are no paths");
  }
  if (at_ == 0 && shared != 0) return Fail(EBADMSG, "this piece of paths has no beginning");
  if (!first_ && rest <= std::string_view(path_).substr(shared)) return Fail(EBADMSG, "these paths are not in order");
  first_ = false;
  path_.resize(shared);
  path_ += rest;
  use_ = use;
  at_ = piece_.size() - reader.left();
  return {};
}

Status Merge(PathRun& into, PathCursor& other) {
  PathRun own = std::exchange(into, PathRun());
  PathCursor mine([&own] { return own.TakePiece(); });
  Result<bool> left = mine.Advance();
  Result<bool> right = other.Advance();
  while (left.value_or(false) || right.value_or(false)) {
    const bool take_left = left.value_or(false) && (!right.value_or(false) || mine.path() <= other.path());
    const bool take_right = right.value_or(false) && (!left.value_or(false) || other.path() <= mine.path());
    PathUse use = take_left ? mine.use() : PathUse();
    if (take_right) use.Merge(other.use());
    into.Append(take_left ? mine.path() : other.path(), use);
    if (take_left) left = mine.Advance();
    if (take_right) right = other.Advance();
  }
  if (!right) return std::unexpected(right.error());
  return {};
}

}  // namespace copper::profile

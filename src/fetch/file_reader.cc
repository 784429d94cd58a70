#include "copper/fetch/file_reader.h"

#include <algorithm>
#include <array>

#include "copper/base/chunk_size.h"
#include "copper/cache/shown.h"

namespace copper::fetch {
namespace {

bool BeginsLikeALibrary(const std::vector<Bytes>& pieces) {
  static constexpr std::array kElf = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'}};
  return !pieces.empty() && pieces[0].size() >= kElf.size() &&
         std::ranges::equal(pieces[0].span().first(kElf.size()), kElf);
}

}  // namespace

FileReader::FileReader(Fetcher& fetcher, File file, std::shared_ptr<AheadSink> sink)
    : fetcher_(fetcher),
      file_(std::move(file)),
      sink_(std::move(sink)),
      cacheable_(fetcher.IsCacheable(file_)),
      pattern_(file_.version.size) {}

std::optional<bool> FileReader::IsOf(const FileTime& ctime) const {
  if (!notes()) return std::nullopt;
  return file_.shown->IsOf(ctime);
}

void FileReader::Compare(TimePoint until, std::move_only_function<void(Status)> done) const {
  fetcher_.Compare(file_, until, std::move(done));
}

void FileReader::Read(uint64_t offset, size_t size, std::move_only_function<void(Result<std::vector<Bytes>>)> done,
                      profile::UsePtr use) {
  if (!cacheable_) return fetcher_.Read(file_, offset, size, std::move(done), std::move(use));
  auto self = shared_from_this();
  fetcher_.Read(
      file_, offset, size,
      [self, offset, size, done = std::move(done)](Result<std::vector<Bytes>> pieces) mutable {
        const bool library = offset == 0 && pieces && BeginsLikeALibrary(*pieces);
        const bool answered = pieces.has_value();
        done(std::move(pieces));
        if (answered) self->fetcher_.NoteDelivered(self->file_, offset, size);
        if (library) self->OnLibrary(size);
      },
      std::move(use));
  Plan(offset, size);
}

void FileReader::OnLibrary(size_t size) {
  {
    const MutexLock lock(mutex_);
    pattern_.SetLibrary();
  }
  Plan(0, size);
}

void FileReader::Plan(uint64_t offset, size_t size) {
  {
    const MutexLock lock(mutex_);
    const cache::ReadPattern::Ahead ahead = pattern_.OnRead(offset, size);
    if (ahead.whole && !whole_) {
      whole_ = true;
      next_ahead_ = 0;
    }
    next_ahead_ = std::max(next_ahead_, ahead.first);
    end_ahead_ = std::max(end_ahead_, ahead.end);
    if (fetching_ || !MayFetch()) return;
    fetching_ = true;
  }
  FetchAhead();
}

// One thread at a time loops here; a chunk that is there at once comes back to OnChunk from inside the loop.
void FileReader::FetchAhead() {
  while (true) {
    uint64_t chunk = 0;
    {
      const MutexLock lock(mutex_);
      fetching_ = MayFetch();
      if (!fetching_) return;
      chunk = next_ahead_++;
      ++in_flight_;
    }
    fetcher_.ReadChunk(file_, chunk,
                       [self = shared_from_this(), chunk](const Result<Bytes>& bytes) { self->OnChunk(chunk, bytes); });
  }
}

bool FileReader::IsWhole() {
  const MutexLock lock(mutex_);
  return whole_;
}

void FileReader::GiveAhead(uint64_t chunk, const Bytes& bytes) {
  const uint64_t offset = chunk * kChunkSize;
  sink_->OnAhead(offset, bytes, [self = shared_from_this(), offset, size = bytes.size()] {
    self->fetcher_.NoteDelivered(self->file_, offset, size);
  });
}

bool FileReader::MayFetch() const {
  return in_flight_ < cache::ReadPattern::kMaxAhead && next_ahead_ < end_ahead_;
}

void FileReader::OnChunk(uint64_t chunk, const Result<Bytes>& bytes) {
  // A sequential reader asks for what comes next in large reads of its own, which cost less than storing it for him. A
  // mapping asks page by page: to it the chunks come first.
  if (bytes && sink_ && IsWhole()) GiveAhead(chunk, *bytes);
  {
    const MutexLock lock(mutex_);
    --in_flight_;
    if (!bytes) end_ahead_ = next_ahead_;  // whoever needs it will ask, and hear why
    if (fetching_ || !MayFetch()) return;
    fetching_ = true;
  }
  FetchAhead();
}

}  // namespace copper::fetch

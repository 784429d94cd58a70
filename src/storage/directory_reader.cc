#include "storage/directory_reader.h"

#include <dirent.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "storage/retry.h"
#include "storage/stat.h"

namespace copper::storage {
namespace {

// A change within the same tick of a directory's mtime as the one before it leaves no trace; no source's tick is
// longer.
constexpr int64_t kQuietNs = 2'000'000'000;

// Looking at an entry costs about 2 us on a local file system and 200 us or more over a network. The first may take
// longer, as long as so many cheap ones together.
constexpr Duration kCheapLook = std::chrono::microseconds(50);
constexpr int64_t kLooksToMeasure = 16;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

int64_t WallClockNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

Result<Directory> OpenStream(UniqueFd fd) {
  Directory directory(fdopendir(fd.get()));
  if (!directory) return Fail(errno);
  static_cast<void>(fd.Release());  // the stream's now
  return directory;
}

bool IsDots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

// The next name, null at the end.
Result<const dirent*> NextName(DIR* directory) {
  const dirent* found = nullptr;
  const int failed = Retry([&] {
    errno = 0;
    found = readdir(directory);
    return found == nullptr && errno != 0 ? -1 : 0;
  });
  if (failed != 0) return Fail(errno);
  return found;
}

Status ReadNames(DIR* directory, size_t limit, std::vector<DirectoryEntry>& entries) {
  while (true) {
    const Result<const dirent*> next = NextName(directory);
    if (!next) return std::unexpected(next.error());
    const dirent* found = *next;
    if (found == nullptr) return {};
    if (IsDots(found->d_name)) continue;
    if (limit != 0 && entries.size() == limit) return Fail(EFBIG);
    entries.push_back({found->d_name, found->d_ino, found->d_type, {}});
  }
}

// In the order in which the directory gave its names: the one that file systems read ahead in. False if looking turned
// out to be expensive.
bool ReadAttributes(int directory, const DirectoryOptions& options, const Clock& clock, Listing& listing) {
  const TimePoint begin = clock.Now();
  int64_t looks = 0;
  for (DirectoryEntry& entry : listing.entries) {
    if (clock.Now() - begin > std::max(looks, kLooksToMeasure) * kCheapLook) return false;
    if (std::ranges::find(options.mount_points, entry.name) != options.mount_points.end()) continue;
    Result<Attributes> attributes = LookAt(directory, entry.name.c_str());
    ++looks;
    if (!attributes) continue;  // removed since, or not to be looked at: whoever asks for it gets the reason
    // A mount that came since the table was read.
    if (attributes->IsDirectory() && attributes->device != listing.directory.device) continue;
    entry.inode = attributes->inode;
    entry.type = static_cast<uint8_t>(IFTODT(attributes->mode));
    entry.attributes = std::move(*attributes);
  }
  return true;
}

bool IsUnchanged(int directory, const Attributes& before) {
  struct stat now{};
  return Stat(directory, now) && Nanoseconds(now.st_mtim) == before.mtime_ns &&
         Nanoseconds(now.st_ctim) == before.ctime_ns;
}

}  // namespace

Result<Listing> ReadDirectory(UniqueFd fd, const DirectoryOptions& options, LookCost& look_cost, const Clock& clock) {
  Listing listing;
  Result<Attributes> before = LookAt(fd.get(), "");
  if (!before) return std::unexpected(before.error());
  listing.directory = std::move(*before);
  const bool quiet = listing.directory.mtime_ns <= WallClockNs() - kQuietNs;
  const Result<Directory> directory = OpenStream(std::move(fd));
  if (!directory) return std::unexpected(directory.error());
  if (const Status read = ReadNames(directory->get(), options.limit, listing.entries); !read) {
    return std::unexpected(read.error());
  }
  listing.answers_absence =
      options.may_answer_absence && quiet && IsUnchanged(dirfd(directory->get()), listing.directory);
  const uint64_t device = listing.directory.device;
  if (options.attributes && !listing.entries.empty() && look_cost.MayBeCheap(device) &&
      !ReadAttributes(dirfd(directory->get()), options, clock, listing)) {
    look_cost.SetExpensive(device);
  }
  std::ranges::sort(listing.entries, {}, &DirectoryEntry::name);
  return listing;
}

}  // namespace copper::storage

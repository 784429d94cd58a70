#include "storage/directory_reader.h"

#include <dirent.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "copper/base/path.h"
#include "copper/names/listing_builder.h"
#include "storage/file_identity.h"
#include "storage/retry.h"
#include "storage/stat.h"

namespace copper::storage {
namespace {

// A change within the same tick of a directory's times as the one before it leaves no trace; no source's tick is
// longer.
constexpr auto kQuiet = std::chrono::seconds(2);

// Whoever puts names into it may put its mtime back each time (tar, rsync -t), never its ctime.
bool IsQuiet(const Attributes& directory, const FileTime& now) {
  return Between(std::max(directory.mtime, directory.ctime), now) >= kQuiet;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<Directory> OpenStream(UniqueFd fd) {
  Directory directory(fdopendir(fd.get()));
  if (!directory) return Fail(errno);
  static_cast<void>(fd.Release());  // the stream's now
  return directory;
}

bool IsDots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

struct Name {
  std::string name;
  uint64_t inode = 0;
  uint8_t type = DT_UNKNOWN;
};

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

// Collects what a directory gives. Names wait for their attributes, in that order, which is the one that file systems
// read ahead in; once there are too many of them, they go into the listing as they are.
class Collector {
 public:
  Collector(const DirectoryOptions& options, const DirectoryTools& tools, const Looked& directory)
      : options_(options),
        tools_(tools),
        device_(directory.device),
        builder_(directory.attributes, options.limit.bytes) {}

  Status Read(DIR* directory) {
    while (true) {
      const Result<const dirent*> next = NextName(directory);
      if (!next) return std::unexpected(next.error());
      const dirent* const found = *next;
      if (found == nullptr) return {};
      if (IsDots(found->d_name)) continue;
      if (const Status added = Add(*found); !added) return added;
    }
  }

  // Of as many names as are waiting, as long as that is cheap.
  Status ReadAttributes(int directory) {
    LookTimer timer(tools_.clock, tools_.busy_time);
    LookMeasurement measured;
    const bool look = options_.attributes && !waiting_.empty() && tools_.look_cost.MayBeCheap(device_, timer.now());
    for (const Name& name : waiting_) {
      std::optional<Attributes> attributes;
      if (look && !measured.IsExpensive() && !IsMountPoint(name.name)) {
        attributes = LookAtEntry(directory, name.name);
        measured.Note(timer.Lap());
      }
      if (const Status added = AddTo(name, attributes); !added) return added;
    }
    if (look) tools_.look_cost.Note(device_, measured, timer.now());
    return {};
  }

  Listing Build(bool answers_absence) { return builder_.Build(answers_absence); }

 private:
  Status Add(const dirent& found) {
    const size_t names = waiting_.size() + builder_.size();
    if (options_.limit.names != 0 && names == options_.limit.names) return Fail(EFBIG);
    const uint64_t inode = InodeOf(options_.numbering, PathOf(found.d_name), found.d_ino);
    if (names > kMostWithAttributes) return builder_.Add(found.d_name, inode, found.d_type);
    waiting_.push_back({found.d_name, inode, found.d_type});
    return names < kMostWithAttributes ? Status() : Release();
  }

  Status Release() {
    for (const Name& name : waiting_) {
      if (const Status added = AddTo(name, std::nullopt); !added) return added;
    }
    waiting_ = {};
    return {};
  }

  Status AddTo(const Name& name, const std::optional<Attributes>& attributes) {
    if (!attributes) return builder_.Add(name.name, name.inode, name.type);
    const auto type = static_cast<uint8_t>(IFTODT(attributes->mode));
    return builder_.Add(name.name, attributes->inode, type, &*attributes);
  }

  std::string PathOf(std::string_view name) const { return JoinPath(options_.path, name); }

  bool IsMountPoint(const std::string& name) const {
    return std::ranges::find(options_.mount_points, name) != options_.mount_points.end();
  }

  // None of what was removed since, or is not to be looked at (whoever asks for it gets the reason), or of a mount that
  // came since the mount table was read.
  std::optional<Attributes> LookAtEntry(int directory, const std::string& name) const {
    Result<Looked> looked = LookAt(directory, name.c_str());
    if (!looked || (looked->attributes.IsDirectory() && looked->device != device_)) return std::nullopt;
    tools_.permissions.Adjust(directory, name.c_str(), looked->attributes);
    Identify(options_.numbering, PathOf(name), looked->device, looked->attributes);
    return std::move(looked->attributes);
  }

  const DirectoryOptions& options_;
  const DirectoryTools& tools_;
  const uint64_t device_;
  ListingBuilder builder_;
  std::vector<Name> waiting_;
};

bool IsUnchanged(int directory, const Attributes& before) {
  struct stat now{};
  return Stat(directory, now) && FileTime::From(now.st_mtim) == before.mtime &&
         FileTime::From(now.st_ctim) == before.ctime;
}

}  // namespace

Result<Listing> ReadDirectory(UniqueFd fd, const DirectoryOptions& options, const DirectoryTools& tools) {
  Result<Looked> before = LookAt(fd.get(), "");
  if (!before) return std::unexpected(before.error());
  tools.permissions.Adjust(fd.get(), "", before->attributes);
  Identify(options.numbering, options.path, before->device, before->attributes);
  const bool quiet = IsQuiet(before->attributes, tools.now());
  const Result<Directory> directory = OpenStream(std::move(fd));
  if (!directory) return std::unexpected(directory.error());
  const int descriptor = dirfd(directory->get());
  Collector names(options, tools, *before);
  if (const Status read = names.Read(directory->get()); !read) return std::unexpected(read.error());
  const bool answers_absence = options.may_answer_absence && quiet && IsUnchanged(descriptor, before->attributes);
  if (const Status read = names.ReadAttributes(descriptor); !read) return std::unexpected(read.error());
  return names.Build(answers_absence);
}

}  // namespace copper::storage

#include "copper/storage/posix_store.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "copper/base/attempt.h"
#include "copper/base/chunk_size.h"
#include "copper/names/attributes.h"
#include "storage/busy_time.h"
#include "storage/directory_reader.h"
#include "storage/file_identity.h"
#include "storage/look_cost.h"
#include "storage/open_files.h"
#include "storage/permissions.h"
#include "storage/range.h"
#include "storage/retry.h"
#include "storage/source_tree.h"
#include "storage/stat.h"
#include "storage/tick.h"

namespace copper::storage {
namespace {

// The file was there under this version: a path that leads elsewhere now is another version of it, not an absent file.
int OfKnownFile(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP ? ESTALE : error;
}

// What another try from the path on may mend: a handle that a server has forgotten, and what a client that lost its
// server for a moment answers to reads under way.
bool MayPassBy(const Error& error) {
  return error.code == ESTALE || error.code == EIO;
}

// How often bytes are read whose file's ctime moves meanwhile.
constexpr int kReads = 5;

bool AreSame(const Filled& one, const Filled& other) {
  return one.buffer && one.size == other.size && std::memcmp(one.buffer.data(), other.buffer.data(), one.size) == 0;
}

// A mount of Copper: a directory that nobody looks into.
Attributes ForbiddenDirectory(const std::string& path) {
  Attributes attributes;
  attributes.mode = S_IFDIR | 0555;
  attributes.nlink = 2;
  attributes.uid = geteuid();
  attributes.gid = getegid();
  attributes.inode = PathNumber(path);
  attributes.file_system = kOwnFileSystem | kInodesOfPaths;
  return attributes;
}

}  // namespace

Result<std::unique_ptr<PosixStore>> PosixStore::Open(const std::string& target, const FileSystems& file_systems,
                                                     const Clock& clock, Users users, BusyTime busy_time, Now now) {
  Result<std::unique_ptr<SourceTree>> tree = SourceTree::Open(target);
  if (!tree) return std::unexpected(tree.error());
  struct stat top{};
  if (const Status stated = Stat((*tree)->descriptor(), top); !stated) return std::unexpected(stated.error());
  return std::unique_ptr<PosixStore>(new PosixStore(std::move(*tree), top.st_dev, file_systems, clock, std::move(users),
                                                    std::move(busy_time), std::move(now)));
}

PosixStore::PosixStore(std::unique_ptr<SourceTree> tree, uint64_t device, const FileSystems& file_systems,
                       const Clock& clock, Users users, BusyTime busy_time, Now now)
    : tree_(std::move(tree)),
      open_files_(std::make_unique<OpenFiles>()),
      look_cost_(std::make_unique<LookCost>()),
      permissions_(std::make_unique<Permissions>(Permissions::Options{users.others, std::move(users.on_refused)},
                                                 User::Current(), std::make_unique<KernelAccess>())),
      file_systems_(file_systems),
      listed_device_(file_systems.NumberingOf("/").device),
      device_(device),
      clock_(clock),
      busy_time_(busy_time ? std::move(busy_time) : ThreadBusyTime),
      now_(std::move(now)) {}

PosixStore::~PosixStore() = default;

// A mount table may know a file system by another device than its files do (btrfs).
Numbering PosixStore::NumberingOf(const std::string& path) const {
  Numbering numbering = file_systems_.NumberingOf(path);
  if (numbering.device != 0 && numbering.device == listed_device_) numbering.device = device_;
  return numbering;
}

Result<Attributes> PosixStore::Look(const std::string& path) {
  const Sharing sharing = file_systems_.Of(path);
  if (sharing == Sharing::kForbidden) {
    if (!file_systems_.IsMountPoint(path)) return Fail(ENOENT);
    return ForbiddenDirectory(path);
  }
  ++counters_.looks;
  Result<Attributes> attributes = LookOnce(path);
  if (!attributes && attributes.error().code == ESTALE) attributes = LookOnce(path);
  const bool sizeless = attributes && attributes->IsRegular() && attributes->size == 0;
  if (sizeless && sharing == Sharing::kPseudo) attributes->size = kPseudoSize;
  return attributes;
}

Result<Attributes> PosixStore::LookOnce(const std::string& path) const {
  const Result<UniqueFd> file = tree_->OpenToLook(path);
  if (!file) return std::unexpected(file.error());
  Result<Looked> looked = LookAt(file->get(), "");
  if (!looked) return std::unexpected(looked.error());
  permissions_->Adjust(file->get(), "", looked->attributes);
  Identify(NumberingOf(path), path, looked->device, looked->attributes);
  return std::move(looked->attributes);
}

Result<Listing> PosixStore::List(const std::string& path, ListLimit limit) {
  const Sharing sharing = file_systems_.Of(path);
  if (sharing == Sharing::kForbidden) {
    if (!file_systems_.IsMountPoint(path)) return Fail(ENOENT);
    return ListingBuilder(ForbiddenDirectory(path)).Build(/*answers_absence=*/true);
  }
  ++counters_.lists;
  const DirectoryOptions options{.path = path,
                                 .numbering = NumberingOf(path),
                                 .limit = limit,
                                 .may_answer_absence = file_systems_.ListsEveryName(path),
                                 .attributes = sharing != Sharing::kPseudo,
                                 .mount_points = file_systems_.MountPointsIn(path)};
  return Attempt([&] {
    Result<Listing> listing = ListOnce(path, options);
    if (!listing && listing.error().code == ESTALE) listing = ListOnce(path, options);
    return listing;
  });
}

Result<Listing> PosixStore::ListOnce(const std::string& path, const DirectoryOptions& options) const {
  Result<UniqueFd> directory = tree_->OpenDirectory(path);
  if (!directory) return std::unexpected(directory.error());
  return ReadDirectory(std::move(*directory), options, {*look_cost_, *permissions_, clock_, busy_time_, now_});
}

Result<Bytes> PosixStore::Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                               Seen& seen) {
  const Sharing sharing = file_systems_.Of(path);
  if (sharing == Sharing::kForbidden) return Fail(ESTALE);
  if (sharing == Sharing::kPseudo) return ReadLive(path, offset, length);
  if (offset >= version.size) return Bytes();
  length = static_cast<size_t>(std::min<uint64_t>(length, version.size - offset));
  ++counters_.reads;
  Result<Filled> filled = ReadOnce(path, version, offset, length, seen);
  if (!filled && MayPassBy(filled.error())) filled = ReadOnce(path, version, offset, length, seen);
  if (!filled) return std::unexpected(filled.error());
  counters_.bytes_read += filled->size;
  return Share(std::move(*filled));
}

// All of `length` bytes, or ESTALE.
Result<Filled> PosixStore::ReadOnce(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                                    Seen& seen) {
  const auto file = OpenVersion(path, version);
  if (!file) return std::unexpected(file.error());
  Result<Filled> filled = ReadUnchanged(path, version, **file, offset, length, seen);
  if (filled && filled->size == length) return filled;
  open_files_->Drop(path, version);
  if (filled) return Fail(ESTALE);
  return filled;
}

// The ctime that was seen last, before this read, saves a look before it. What is read while it moves is read again,
// until it is the same bytes twice: then whatever moved it changed nothing here.
Result<Filled> PosixStore::ReadUnchanged(const std::string& path, const FileVersion& version, OpenFile& file,
                                         uint64_t offset, size_t length, Seen& seen) {
  Filled before;
  for (int tries = 0; tries < kReads; ++tries) {
    seen.ctime = file.ctime();
    // With the file open: it may be replaced meanwhile. Of both: a time in the future says nothing.
    for (const FileTime& change : {version.mtime, seen.ctime}) AwaitEndOfTick(change);
    Result<Filled> filled = ReadFully(chunks_, file.get(), offset, length);
    if (!filled) return filled;
    const Result<FileTime> now = CheckVersion(path, version, file);
    if (!now) return std::unexpected(now.error());
    if (*now == seen.ctime || AreSame(before, *filled)) return filled;
    before = *std::move(filled);
  }
  return Fail(ESTALE);
}

void PosixStore::Reopen(const std::string& path, const FileVersion& version) {
  open_files_->Drop(path, version);
}

Result<Bytes> PosixStore::ReadLive(const std::string& path, uint64_t offset, size_t length) {
  ++counters_.reads;
  const Result<UniqueFd> file = tree_->OpenFile(path, [](const struct stat&) { return true; });
  if (!file) return std::unexpected(file.error());
  const Result<Filled> filled = ReadFully(chunks_, file->get(), offset, length);
  if (!filled) return std::unexpected(filled.error());
  counters_.bytes_read += filled->size;
  // Most are much shorter than what was asked for.
  return Attempt([&]() -> Result<Bytes> { return Bytes::Copy({filled->buffer.data(), filled->size}); });
}

Result<uint64_t> PosixStore::Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return Fail(EINVAL);
  if (offset >= version.size) return Fail(ENXIO);
  const Sharing sharing = file_systems_.Of(path);
  if (sharing == Sharing::kForbidden) return Fail(ESTALE);
  if (sharing == Sharing::kPseudo) return whence == SEEK_DATA ? offset : version.size;  // no holes are known of
  ++counters_.looks;
  const auto file = OpenVersion(path, version);
  if (!file) return std::unexpected(file.error());
  const off_t found = Retry([&] { return lseek((*file)->get(), static_cast<off_t>(offset), whence); });
  const int error = errno;
  if (const Result<FileTime> same = CheckVersion(path, version, **file); !same) return std::unexpected(same.error());
  if (found < 0) return Fail(error);
  return static_cast<uint64_t>(found);
}

Result<StatFs> PosixStore::Statfs(const std::string& path) {
  // What is not to be touched has no figures of its own.
  if (file_systems_.Of(path) == Sharing::kForbidden) return StatFs{};
  Result<UniqueFd> place = tree_->OpenToLook(path);
  // Gone, while somebody has it open: it still lies where its file system begins.
  if (!place && OfKnownFile(place.error().code) == ESTALE) place = tree_->OpenToLook(file_systems_.TopOf(path));
  if (!place) return std::unexpected(place.error());
  struct statvfs found{};
  if (Retry([&] { return fstatvfs(place->get(), &found); }) != 0) return Fail(errno);
  return StatFs{.block_size = found.f_bsize,
                .fragment_size = found.f_frsize,
                .blocks = found.f_blocks,
                .blocks_free = found.f_bfree,
                .blocks_available = found.f_bavail,
                .files = found.f_files,
                .files_free = found.f_ffree,
                .name_max = found.f_namemax};
}

Result<std::shared_ptr<OpenFile>> PosixStore::OpenVersion(const std::string& path, const FileVersion& version) {
  const bool keep = version.size > kChunkSize;
  if (OpenFiles::File kept = keep ? open_files_->Find(path, version) : nullptr) return kept;
  const OpenFiles::Moment begun = open_files_->Begin();
  FileTime ctime;
  Result<UniqueFd> opened = tree_->OpenFile(path, [&](const struct stat& found) {
    ctime = FileTime::From(found.st_ctim);
    return IsOfVersion(NumberingOf(path), path, found, version);
  });
  if (!opened) return Fail(OfKnownFile(opened.error().code));
  auto file = std::make_shared<OpenFile>(std::move(*opened), ctime);
  if (keep) open_files_->Keep(path, version, file, begun);
  return file;
}

Result<FileTime> PosixStore::CheckVersion(const std::string& path, const FileVersion& version, OpenFile& file) {
  struct stat now{};
  const Status stated = Stat(file.get(), now);
  if (stated && IsOfVersion(NumberingOf(path), path, now, version)) {
    const FileTime ctime = FileTime::From(now.st_ctim);
    file.SetCtime(ctime);
    return ctime;
  }
  open_files_->Drop(path, version);
  return stated ? Fail(ESTALE) : Fail(stated.error().code);
}

}  // namespace copper::storage

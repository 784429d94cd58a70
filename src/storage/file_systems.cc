#include "copper/storage/file_systems.h"

#include <algorithm>

#include "copper/base/path.h"
#include "copper/names/attributes.h"
#include "storage/file_system_numbers.h"
#include "storage/mount_digest.h"
#include "storage/paths.h"

namespace copper::storage {
namespace {

FileSystems::Options Cleaned(FileSystems::Options options) {
  options.target = Clean(options.target);
  options.job_directory = Clean(options.job_directory);
  for (std::string& path : options.shared_fs) path = Clean(path);
  for (std::string& path : options.copper_mounts) path = Clean(path);
  return options;
}

// Inserts where the order wants it; a place of that path is replaced.
template <class Place>
void Put(Place place, std::vector<Place>& places) {
  const auto at = std::ranges::lower_bound(places, place.path, TreeOrder{}, &Place::path);
  if (at != places.end() && at->path == place.path) {
    *at = std::move(place);
  } else {
    places.insert(at, std::move(place));
  }
}

template <class Place>
void Link(std::vector<Place>& places) {
  for (size_t i = 1; i < places.size(); ++i) {
    size_t around = i - 1;
    while (!IsAtOrBelow(places[i].path, places[around].path)) around = places[around].enclosing;
    places[i].enclosing = around;
  }
}

// The last place that is not after the path is the deepest that holds it, or lies in the deepest that does.
template <class Place>
const Place& Deepest(const std::vector<Place>& places, std::string_view path) {
  const auto after = std::ranges::upper_bound(places, path, TreeOrder{}, &Place::path);
  const Place* place = after == places.begin() ? &places.front() : &*std::prev(after);
  while (!IsAtOrBelow(path, place->path)) place = &places[place->enclosing];
  return *place;
}

}  // namespace

const Mount* MountOf(std::string_view path, std::span<const Mount> mounts) {
  const Mount* deepest = nullptr;
  for (const Mount& mount : mounts) {
    if (!IsAtOrBelow(path, mount.point)) continue;
    if (deepest == nullptr || mount.point.size() >= deepest->point.size()) deepest = &mount;
  }
  return deepest;
}

FileSystems::FileSystems(Options options, std::vector<Mount> mounts, std::span<const std::string> digests,
                         std::string_view boot_id)
    : options_(Cleaned(std::move(options))),
      boot_id_(boot_id),
      common_(CommonDigests(digests)),
      places_(MakePlaces(mounts)) {}

Sharing FileSystems::Of(std::string_view path) const {
  const ReaderLock lock(mutex_);
  return PlaceOf(path).sharing;
}

bool FileSystems::IsMountPoint(std::string_view path) const {
  const ReaderLock lock(mutex_);
  const Place& place = PlaceOf(path);
  return place.mount_point && place.path == path;
}

bool FileSystems::ListsEveryName(std::string_view path) const {
  const ReaderLock lock(mutex_);
  return PlaceOf(path).lists_every_name;
}

Numbering FileSystems::NumberingOf(std::string_view path) const {
  const ReaderLock lock(mutex_);
  return PlaceOf(path).numbering;
}

std::string FileSystems::TopOf(std::string_view path) const {
  const ReaderLock lock(mutex_);
  const Place* place = &PlaceOf(path);
  while (!place->mount_point && place->path != "/") place = &places_[place->enclosing];
  return place->path;
}

std::vector<std::string> FileSystems::MountPointsIn(std::string_view directory) const {
  const ReaderLock lock(mutex_);
  std::vector<std::string> names;
  auto place = std::ranges::upper_bound(places_, directory, TreeOrder{}, &Place::path);
  for (; place != places_.end() && IsAtOrBelow(place->path, directory); ++place) {
    if (place->mount_point && ParentPath(place->path) == directory) names.emplace_back(BaseName(place->path));
  }
  return names;
}

void FileSystems::Update(std::vector<Mount> mounts) {
  std::erase_if(mounts, [](const Mount& mount) { return mount.type != kCopperType; });
  const WriterLock lock(mutex_);
  for (const Mount& mount : mounts) Forbid(mount.point, places_);
}

const FileSystems::Place& FileSystems::PlaceOf(std::string_view path) const {
  return Deepest(places_, path);
}

Sharing FileSystems::Classify(const Mount& mount, Mounts mounts) const {
  if (mount.type == kCopperType) return Sharing::kForbidden;
  if (IsPseudoType(mount.type)) return Sharing::kPseudo;
  const auto everyone_has = [this](uint64_t digest) { return std::ranges::binary_search(common_, digest); };
  const bool named = std::ranges::any_of(options_.shared_fs, [&](const std::string& path) {
    const Mount* under = MountOf(path, mounts);
    return under != nullptr && under->point == mount.point;
  });
  if (named || everyone_has(NetworkDigest(mount)) || everyone_has(MachineDigest(mount, boot_id_))) {
    return Sharing::kShared;
  }
  return Sharing::kLocal;
}

// Of those that lie under the target, and the one that it lies on.
FileSystemNumbers FileSystems::NumberAll(Mounts mounts) const {
  const Mount* const around = MountOf(options_.target, mounts);
  std::vector<FileSystemNumbers::Entry> entries;
  for (const Mount& mount : mounts) {
    const bool has_target = &mount == around;
    if (!has_target && !IsAtOrBelow(mount.point, options_.target)) continue;
    entries.push_back({mount, Classify(mount, mounts) == Sharing::kShared, has_target});
  }
  return FileSystemNumbers(std::move(entries));
}

FileSystems::Place FileSystems::MakePlace(std::string path, const Mount& mount, Mounts mounts,
                                          const FileSystemNumbers& numbers) const {
  Place place{.path = std::move(path), .sharing = Classify(mount, mounts), .mount_point = true};
  place.numbering = {numbers.Of(mount), KeepsInodeNumbers(mount.type), mount.device};
  place.lists_every_name = place.sharing != Sharing::kPseudo && mount.type != "afs";
  const bool in_job_directory = !options_.job_directory.empty() && IsAtOrBelow(mount.point, options_.job_directory);
  if (in_job_directory && place.sharing == Sharing::kShared) place.sharing = Sharing::kLocal;
  return place;
}

std::vector<FileSystems::Place> FileSystems::MakePlaces(Mounts mounts) const {
  const FileSystemNumbers numbers = NumberAll(mounts);
  std::vector<Place> places(1, Place{.path = "/"});
  if (const Mount* around = MountOf(options_.target, mounts); around != nullptr) {
    places.front() = MakePlace("/", *around, mounts, numbers);
  }
  for (const Mount& mount : mounts) {
    auto path = RelativeTo(options_.target, mount.point);
    if (path && *path != "/") Put(MakePlace(std::move(*path), mount, mounts, numbers), places);
  }
  AddJobDirectory(places);
  for (const Mount& mount : mounts) {
    if (mount.type == kCopperType) Forbid(mount.point, places);
  }
  for (const std::string& point : options_.copper_mounts) Forbid(point, places);
  Link(places);
  return places;
}

void FileSystems::AddJobDirectory(std::vector<Place>& places) const {
  if (options_.job_directory.empty()) return;
  if (IsAtOrBelow(options_.target, options_.job_directory)) {
    if (places.front().sharing == Sharing::kShared) places.front().sharing = Sharing::kLocal;
    return;
  }
  const auto path = RelativeTo(options_.target, options_.job_directory);
  if (!path) return;
  Link(places);
  Place place{.path = *path, .numbering = Deepest(places, *path).numbering};
  const auto at = std::ranges::lower_bound(places, *path, TreeOrder{}, &Place::path);
  if (at == places.end() || at->path != *path) places.insert(at, std::move(place));
}

FileSystems::Place FileSystems::ForbiddenPlace(std::string path) {
  return {.path = std::move(path),
          .sharing = Sharing::kForbidden,
          .mount_point = true,
          .numbering = {.file_system = kOwnFileSystem, .keeps_inodes = false}};
}

void FileSystems::Forbid(std::string_view mount_point, std::vector<Place>& places) const {
  if (mount_point.empty()) return;
  if (IsAtOrBelow(options_.target, mount_point)) {
    places.assign(1, ForbiddenPlace("/"));
    return;
  }
  const auto path = RelativeTo(options_.target, mount_point);
  if (!path) return;
  std::erase_if(places, [&](const Place& place) { return IsAtOrBelow(place.path, *path); });
  Put(ForbiddenPlace(*path), places);
  Link(places);
}

}  // namespace copper::storage

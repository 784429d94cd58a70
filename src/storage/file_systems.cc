#include "copper/storage/file_systems.h"

#include <algorithm>
#include <mutex>

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

// The mount that an absolute path lies on; of two on one point the later. nullptr if there is none.
const Mount* MountOf(std::string_view path, std::span<const Mount> mounts) {
  const Mount* deepest = nullptr;
  for (const Mount& mount : mounts) {
    if (!IsAtOrBelow(path, mount.point)) continue;
    if (deepest == nullptr || mount.point.size() >= deepest->point.size()) deepest = &mount;
  }
  return deepest;
}

}  // namespace

FileSystems::FileSystems(Options options, std::vector<Mount> mounts, std::span<const std::string> digests,
                         std::string_view boot_id)
    : options_(Cleaned(std::move(options))),
      boot_id_(boot_id),
      common_(CommonDigests(digests)),
      places_(MakePlaces(mounts)) {}

Sharing FileSystems::Of(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  return PlaceOf(path).sharing;
}

bool FileSystems::IsMountPoint(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  const Place& place = PlaceOf(path);
  return place.mount_point && place.path == path;
}

bool FileSystems::ListsEveryName(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  return PlaceOf(path).lists_every_name;
}

void FileSystems::Update(std::vector<Mount> mounts) {
  std::erase_if(mounts, [](const Mount& mount) { return mount.type != kCopperType; });
  const std::unique_lock lock(mutex_);
  for (const Mount& mount : mounts) {
    const auto path = RelativeTo(options_.target, mount.point);
    if (path && PlaceOf(*path).sharing != Sharing::kForbidden) AddForbidden(mount.point, places_);
  }
}

// The last place that is not after the path is the deepest that holds it, or lies in the deepest that does.
const FileSystems::Place& FileSystems::PlaceOf(std::string_view path) const {
  const auto after = std::ranges::upper_bound(places_, path, TreeOrder{}, &Place::path);
  const Place* place = after == places_.begin() ? &places_.front() : &*std::prev(after);
  while (!IsAtOrBelow(path, place->path)) place = &places_[place->enclosing];
  return *place;
}

Sharing FileSystems::Classify(const Mount& mount, std::span<const Mount> mounts) const {
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

FileSystems::Place FileSystems::MakePlace(std::string path, const Mount& mount, std::span<const Mount> mounts) const {
  Place place{.path = std::move(path), .sharing = Classify(mount, mounts), .mount_point = true};
  place.lists_every_name = place.sharing != Sharing::kPseudo && mount.type != "afs";
  const bool in_job_directory = !options_.job_directory.empty() && IsAtOrBelow(mount.point, options_.job_directory);
  if (in_job_directory && place.sharing == Sharing::kShared) place.sharing = Sharing::kLocal;
  return place;
}

std::vector<FileSystems::Place> FileSystems::MakePlaces(std::span<const Mount> mounts) const {
  std::vector<Place> places(1, Place{.path = "/"});
  if (const Mount* around = MountOf(options_.target, mounts); around != nullptr) {
    places.front() = MakePlace("/", *around, mounts);
  }
  for (const Mount& mount : mounts) {
    auto path = RelativeTo(options_.target, mount.point);
    if (path && *path != "/") Put(MakePlace(std::move(*path), mount, mounts), places);
  }
  AddJobDirectory(places);
  AddForbidden(mounts, places);
  return places;
}

}  // namespace copper::storage

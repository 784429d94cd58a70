// Which file systems under the target all nodes share, which are each node's own, and which must not be entered.
//
// A file system is shared if all ranks have it as the same network file system, if a --shared-fs path lies on it, or if
// all ranks are one machine. Everything else is local, and so are pseudo file systems, automount triggers and the
// job directory; mounts of Copper are never entered or stat'ed through another.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/mount_info.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"

namespace copper::storage {

struct Mount {
  std::string point;       // absolute, unescaped
  std::string type;        // "ext4", "lustre", "fuse.copper"
  std::string source;      // "host:/export", "/dev/vda"
  uint64_t device = 0;     // st_dev
  std::string root = "/";  // what of the file system is mounted here: another directory than "/" for a bind mount

  bool operator==(const Mount&) const = default;
};

// The mounts that paths lead to: one that another was mounted over is left out.
std::vector<Mount> ReachableMounts(const std::vector<MountInfo>& all);
// The mount that an absolute path lies on; of two on one point the later. nullptr if there is none.
const Mount* MountOf(std::string_view path, std::span<const Mount> mounts);
Result<std::vector<Mount>> ReadMountTable(const std::string& mountinfo = kMountInfoFile);
bool IsNetworkType(std::string_view type);  // lustre, gpfs, nfs, nfs4, ceph, beegfs, panfs, cifs, dvs, ...
bool IsPseudoType(std::string_view type);   // proc, sysfs, cgroup2, debugfs, autofs, ...
// Whether a file has the same inode number whenever it is looked at. Most FUSE and SMB file systems, and those that
// know no inodes (FAT), make them up anew when they have forgotten the file.
bool KeepsInodeNumbers(std::string_view type);

// What one rank tells the others: two 64-bit digests a mount, so that the table of 10,000 ranks stays small.
// Network digest: point, type, source and root (0 if it is none). Machine digest: point, boot id, device and root.
// Pseudo file systems and mounts of Copper are left out. Little-endian.
std::string EncodeMountDigest(std::span<const Mount> mounts, std::string_view boot_id);

enum class Sharing {
  kShared,    // fetched once in the job, through the trees
  kLocal,     // each node answers for itself, with short timeouts
  kPseudo,    // local, and sizes may be made up by its owner
  kForbidden  // a Copper mount: shown as an empty directory, never touched
};

// How the files of one file system are told from all others under the target: the same for all mounts of it, on all
// ranks that share it, and in the next job.
struct Numbering {
  // 31 bits, 0 for the one whose inode numbers the mount shows as they are: the target's own if it is shared, else the
  // shared one whose mount point comes first, else the target's.
  uint32_t file_system = 0;
  bool keeps_inodes = true;  // else an inode number says nothing, and a file is known by its path
  uint64_t device = 0;       // st_dev of what lies on it, on this node; 0: any
};

class FileSystemNumbers;

class FileSystems {
 public:
  struct Options {
    std::string target = "/";                  // absolute, resolved
    std::string job_directory{};               // local, with everything below it
    std::vector<std::string> shared_fs{};      // --shared-fs
    std::vector<std::string> copper_mounts{};  // mount points of this job's ranks on this machine
  };

  // `digests` are EncodeMountDigest of all ranks (one's own among them). Of two mounts on one point the later counts.
  FileSystems(Options options, std::vector<Mount> mounts, std::span<const std::string> digests,
              std::string_view boot_id);

  // Of a path relative to the target. Any thread; no system call.
  Sharing Of(std::string_view path) const;
  // Whether this path is where a file system other than its parent's begins (then its parent's listing knows nothing
  // true of it).
  bool IsMountPoint(std::string_view path) const;
  // The names in a directory that are mount points.
  std::vector<std::string> MountPointsIn(std::string_view directory) const;
  // Whether a directory's listing has every name that a lookup in it would find. Not on pseudo file systems and
  // automounts, and not on AFS, where looking for a cell's name makes it appear.
  bool ListsEveryName(std::string_view path) const;
  Numbering NumberingOf(std::string_view path) const;
  // The directory under the target in which the file system of this path begins.
  std::string TopOf(std::string_view path) const;

  // The mount table changed: mounts of Copper that came since are forbidden from now on (for good: what is below
  // the mount point of an ended job is not worth a look). Everything else stays as all ranks agreed on at the start.
  // Any thread.
  void Update(std::vector<Mount> mounts);

 private:
  struct Place {
    std::string path;  // relative to the target
    Sharing sharing = Sharing::kLocal;
    bool mount_point = false;
    bool lists_every_name = true;
    Numbering numbering{};
    size_t enclosing = 0;  // index of the place that this one lies in; the target's own is 0
  };
  using Mounts = std::span<const Mount>;
  Sharing Classify(const Mount& mount, Mounts mounts) const;
  FileSystemNumbers NumberAll(Mounts mounts) const;
  Place MakePlace(std::string path, const Mount& mount, Mounts mounts, const FileSystemNumbers& numbers) const;
  std::vector<Place> MakePlaces(Mounts mounts) const;
  void AddJobDirectory(std::vector<Place>& places) const;
  static Place ForbiddenPlace(std::string path);
  void Forbid(std::string_view mount_point, std::vector<Place>& places) const;
  const Place& PlaceOf(std::string_view path) const REQUIRES_SHARED(mutex_);

  const Options options_;
  const std::string boot_id_;
  const std::vector<uint64_t> common_;            // digests that every rank has, sorted
  mutable SharedMutex mutex_;                     // no other lock is taken under it
  std::vector<Place> places_ GUARDED_BY(mutex_);  // a directory before what lies below it; the deepest match decides
};

}  // namespace copper::storage

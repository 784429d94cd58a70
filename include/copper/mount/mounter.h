// The mounter: a small process of its own session that mounts for the daemon and unmounts when the daemon is gone,
// however it died. It is forked first of all, before any thread, MPI or fabric exists, since nothing may fork later.
//
// The daemon holds one end of a socket pair, the mounter the other. Requests: mount, unmount. When the daemon's end
// closes, or its main thread has ended, the mounter aborts the connection and unmounts what it mounted (lazily, and
// only if the mount there is still its own), removes the mount point if it made it, and exits. It ignores SIGINT,
// SIGTERM and SIGHUP: those are for the daemon. It keeps nothing of the daemon's open, its standard output included.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::mount {

struct MountOptions {
  std::string point;              // absolute; %r and %h already replaced
  std::string source = "copper";  // what mount tables show as the device
  bool allow_other = false;
};

class Mounter {
 public:
  enum class Left { kNothing, kNoMountAnyMore, kMount };  // nothing: it had not mounted
  using OnDeath = std::function<void(pid_t daemon, Left left)>;
  // Forks. Call with a single thread only. `on_death` runs in the mounter, after it has unmounted, if the process that
  // forked it (`daemon`) ended without destroying the Mounter: it was killed, or crashed.
  static Result<Mounter> Fork(const OnDeath& on_death = {});
  Mounter(Mounter&& other) noexcept { *this = std::move(other); }
  Mounter& operator=(Mounter&& other) noexcept;
  // Takes leave, unmounts, and waits until the mounter is gone (5 s at most).
  ~Mounter();

  // Mounts (read-only, nosuid, nodev, default_permissions; directly as root, else by fusermount3) and hands over the
  // connection's descriptor. Makes the mount point if absent.
  Result<UniqueFd> Mount(const MountOptions& options);
  // Unmounts and removes the mount point if it was made. Success if it is gone already. A mounter that is frozen is
  // woken; where it does not answer then, or was killed, root unmounts without it. 7 s at most.
  Status Unmount();
  // Lets the kernel read further ahead than its default of 128 KiB, which an unprivileged mount is bound to: root only.
  // To be called when the server answers requests, since the kernel's greeting sets the value back.
  Status RaiseReadAhead(unsigned kb);

  pid_t pid() const { return pid_; }

 private:
  Status AskToUnmount(Duration patience);
  bool IsMounted() const;
  void RemoveMadePoint();

  Mounter(UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}
  UniqueFd socket_;
  pid_t pid_ = -1;
  uint32_t sequence_ = 0;
  std::string point_;  // resolved; once mounted
  uint64_t mount_id_ = 0;
  uint32_t made_ = 0;  // directories, as the mounter's reply has them
};

// The point with every symlink followed (what is absent stays as it is). Refuses a path that is not absolute, or that a
// symlink of somebody else's (neither root's nor one's own) is part of.
Result<std::string> ResolveMountPoint(const std::string& point);
// Whether Copper may be mounted there, without touching anything: refuses a file, a directory that is not empty,
// somebody else's, reached through somebody else's symlink, or a mount already (except a dead one of one's own, which
// Mount replaces). The message says what is wrong and what to do.
Status CheckMountPoint(const std::string& point);
// /dev/fuse exists and may be opened, or fusermount3 is there.
Status CheckFuse();

}  // namespace copper::mount

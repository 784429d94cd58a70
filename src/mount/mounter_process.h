// The mounter's own side: what runs in the forked process.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "copper/base/mount_info.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "copper/mount/mounter.h"
#include "libfuse.h"
#include "mounter_protocol.h"

namespace copper::mount {

// One mount, from its making to its end.
class OwnedMount {
 public:
  static Result<std::unique_ptr<OwnedMount>> Make(const std::string& point, const std::string& source,
                                                  bool allow_other);
  OwnedMount(const OwnedMount&) = delete;
  ~OwnedMount();  // unmounts

  int connection() const { return fuse_session_fd(session_.get()); }
  size_t made() const { return made_.size(); }  // directories
  // Ends the connection (which fails the requests that wait), unmounts if the mount there is still this one, removes
  // the directories that were made. Idempotent.
  Status Unmount();
  Status RaiseReadAhead(unsigned kb) const;

 private:
  struct Destroy {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };
  OwnedMount() = default;
  bool IsStillThere() const;
  void Abort() const;

  std::string point_;
  std::vector<std::string> made_;  // directories
  std::unique_ptr<fuse_session, Destroy> session_;
  std::optional<MountInfo> entry_;  // as it was right after mounting
};

// Serves requests until the daemon's end of the socket is closed, or its main thread has ended, then unmounts and ends
// the process; where no farewell came, `on_death` is called then.
[[noreturn]] void RunMounter(UniqueFd socket, pid_t daemon, const Mounter::OnDeath& on_death);

}  // namespace copper::mount

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "copper/base/files.h"
#include "copper/mount/mounter.h"
#include "mount_point.h"
#include "mounter_process.h"

namespace copper::mount {
namespace {

// libfuse and fusermount3 say why they failed on descriptor 2 only: what they say goes into the message.
class CapturedErrors {
 public:
  CapturedErrors() : file_(memfd_create("errors", MFD_CLOEXEC)), saved_(fcntl(2, F_DUPFD_CLOEXEC, 3)) {
    dup2(file_.get(), 2);
  }
  CapturedErrors(const CapturedErrors&) = delete;
  ~CapturedErrors() { dup2(saved_.get(), 2); }

  std::string Text() const {
    std::string text(1024, '\0');
    const ssize_t got = pread(file_.get(), text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  const UniqueFd file_, saved_;
};

std::string MountOptionsText(const std::string& source, bool allow_other) {
  return "fsname=" + source + ",subtype=copper,ro,nosuid,nodev,default_permissions" +
         (allow_other ? ",allow_other" : "");
}

// The session only mounts, and keeps the connection open: the daemon serves it.
fuse_session* MakeSession(const std::string& options) {
  std::string program = "copper", flag = "-o", text = options;
  char* arguments[] = {program.data(), flag.data(), text.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  const fuse_lowlevel_ops operations{};
  fuse_session* const session = fuse_session_new(&args, &operations, sizeof operations, nullptr);
  fuse_opt_free_args(&args);
  return session;
}

}  // namespace

Result<std::unique_ptr<OwnedMount>> OwnedMount::Make(const std::string& point, const std::string& source,
                                                     bool allow_other) {
  const auto resolved = ResolveMountPoint(point);
  if (!resolved) return std::unexpected(resolved.error());
  if (Status healed = HealMountPoint(*resolved); !healed) return std::unexpected(healed.error());
  if (Status fit = CheckMountPoint(*resolved); !fit) return std::unexpected(fit.error());
  auto made = MakeMountPoint(*resolved);
  if (!made) return std::unexpected(made.error());

  std::unique_ptr<OwnedMount> mount(new OwnedMount);
  mount->point_ = *resolved;
  mount->made_ = std::move(*made);
  const CapturedErrors errors;
  mount->session_.reset(MakeSession(MountOptionsText(source, allow_other)));
  errno = 0;
  if (!mount->session_ || fuse_session_mount(mount->session_.get(), resolved->c_str()) != 0) {
    return Fail(errno == 0 ? EIO : errno, "cannot mount at " + point + ": " + errors.Text());
  }
  auto mounts = MountsAt(*resolved);
  if (mounts && !mounts->empty()) mount->entry_ = mounts->back();
  return mount;
}

OwnedMount::~OwnedMount() {
  static_cast<void>(Unmount());
}

// A connection that has ended means that somebody else unmounted it, or aborted it. In the first case the kernel may
// have given the mount's numbers to another one since; that one is alive.
bool OwnedMount::IsStillThere() const {
  const auto mounts = MountsAt(point_);
  if (!entry_ || !mounts || mounts->empty()) return false;
  const MountInfo& top = mounts->back();
  if (top.id != entry_->id || top.device != entry_->device || top.type != entry_->type) return false;
  pollfd state{.fd = connection(), .events = 0, .revents = 0};
  const bool ended = poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0;
  return !ended || IsOwnDeadMount(point_);
}

// What the daemon holds open may stay open when it is gone, where the kernel holds a thread of it: then nothing else
// ends the connection for a user who is not root. Without fusectl mounted the file is not there; root's umount does it.
void OwnedMount::Abort() const {
  const std::string path = "/sys/fs/fuse/connections/" + std::to_string(minor(entry_->device)) + "/abort";
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file) [[maybe_unused]]
    const ssize_t written = write(file.get(), "1", 1);
}

Status OwnedMount::Unmount() {
  Status unmounted;
  if (entry_ && IsStillThere()) {
    Abort();  // as long as it is there, its number is its own
    unmounted = UnmountLazily(point_);
  }
  entry_.reset();
  session_.reset();
  RemoveMade(made_);
  made_.clear();
  return unmounted;
}

Status OwnedMount::RaiseReadAhead(unsigned kb) const {
  if (!entry_) return Fail(ENOTCONN, "nothing is mounted");
  const std::string path = "/sys/class/bdi/" + std::to_string(major(entry_->device)) + ":" +
                           std::to_string(minor(entry_->device)) + "/read_ahead_kb";
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(kb);
  if (!file || write(file.get(), text.data(), text.size()) < 0)
    return FailErrno("cannot raise the read-ahead in " + path);
  return {};
}

}  // namespace copper::mount

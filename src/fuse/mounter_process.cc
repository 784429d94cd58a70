#include "mounter_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace copper::fuse {
namespace {

// What the launcher gave the daemon (pipes to mpiexec, its sockets) must not stay open here when the daemon dies, or
// the launcher would wait for it.
void CloseAllBut(int kept) {
  std::vector<int> open_ones;
  if (DIR* const directory = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(directory)) open_ones.push_back(std::atoi(entry->d_name));
    closedir(directory);
  }
  for (const int fd : open_ones) {
    if (fd > 2 && fd != kept) close(fd);
  }
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (int standard = 0; standard <= 2; ++standard) dup2(null.get(), standard);
}

// Signals to the job are for the daemon; the mounter ends when the daemon does.
void LeaveTheJob() {
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // fusermount3 is waited for
  prctl(PR_SET_NAME, "copper-mounter");
  static_cast<void>(chdir("/"));
}

void SendReply(int socket, uint32_t sequence, const Status& status, int connection) {
  MounterReply reply;
  reply.sequence = sequence;
  if (!status) {
    reply.error = status.error().code;
    std::strncpy(reply.message, status.error().Describe().c_str(), sizeof reply.message - 1);
  }
  iovec part{&reply, sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (connection >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &connection, sizeof connection);
  }
  static_cast<void>(sendmsg(socket, &message, MSG_NOSIGNAL));
}

Status Mount(std::unique_ptr<OwnedMount>& mount, const MounterRequest& request) {
  if (mount) return Fail(EBUSY, "this daemon has its mount already");
  auto made = OwnedMount::Make(request.point, request.source, request.allow_other != 0);
  if (!made) return std::unexpected(made.error());
  mount = std::move(*made);
  return {};
}

Status Unmount(std::unique_ptr<OwnedMount>& mount) {
  if (!mount) return {};
  Status unmounted = mount->Unmount();
  mount.reset();
  return unmounted;
}

void Serve(int socket, const MounterRequest& request, std::unique_ptr<OwnedMount>& mount) {
  switch (request.verb) {
    case MounterVerb::kMount: {
      const Status mounted = Mount(mount, request);
      return SendReply(socket, request.sequence, mounted, mounted ? mount->connection() : -1);
    }
    case MounterVerb::kUnmount:
      return SendReply(socket, request.sequence, Unmount(mount), -1);
    case MounterVerb::kRaiseReadAhead: {
      const Status raised = mount ? mount->RaiseReadAhead(request.read_ahead_kb) : Fail(ENOTCONN, "nothing is mounted");
      return SendReply(socket, request.sequence, raised, -1);
    }
    case MounterVerb::kFarewell:
      return;
  }
}

}  // namespace

void RunMounter(UniqueFd socket, const std::function<void(pid_t daemon)>& on_death) {
  const pid_t daemon = getppid();
  LeaveTheJob();
  CloseAllBut(socket.get());
  std::unique_ptr<OwnedMount> mount;
  bool farewell = false;
  while (true) {
    MounterRequest request;
    const ssize_t got = recv(socket.get(), &request, sizeof request, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof request)) break;  // the daemon is gone
    farewell = farewell || request.verb == MounterVerb::kFarewell;
    Serve(socket.get(), request, mount);
  }
  mount.reset();
  if (!farewell && on_death) on_death(daemon);
  _exit(0);
}

}  // namespace copper::fuse

#include "mounter_process.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "copper/base/aside.h"

namespace copper::mount {
namespace {

// Signals to the job are for the daemon; the mounter ends when the daemon does.
void LeaveTheJob() {
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // fusermount3 is waited for
  prctl(PR_SET_NAME, "copper-mounter");
  static_cast<void>(chdir("/"));
}

// The end of the socket does not tell of a daemon that was killed while the kernel holds a thread of it: as long as
// that waits, all descriptors stay open. But the kernel sends a signal when the daemon's main thread, which made this
// process, has ended; it comes while a request is waited for or, blocked, before.
constexpr int kDaemonDied = SIGUSR2;

UniqueFd OpenDeathSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, kDaemonDied);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  prctl(PR_SET_PDEATHSIG, kDaemonDied);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// The next request; none: the daemon is gone, or has ended.
std::optional<MounterRequest> NextRequest(int socket, int death) {
  while (true) {
    pollfd waiting[] = {{socket, POLLIN, 0}, {death, POLLIN, 0}};
    if (poll(waiting, std::size(waiting), -1) < 0 && errno != EINTR) return std::nullopt;
    if (waiting[0].revents != 0) {
      std::byte message[sizeof(MounterRequest)];
      const ssize_t got = recv(socket, message, sizeof message, MSG_DONTWAIT);
      if (got >= 0) return TakeMounterRequest(std::span(message).first(static_cast<size_t>(got)));
      if (errno != EAGAIN) return std::nullopt;
    }
    if (waiting[1].revents != 0) return std::nullopt;
  }
}

// `on_death` writes into the job directory, which may hang.
void TellOfDeath(const Mounter::OnDeath& on_death, pid_t daemon, Mounter::Left left) {
  constexpr auto kPatience = std::chrono::seconds(5);
  const Aside told([on_death, daemon, left] { on_death(daemon, left); });
  static_cast<void>(told.IsDoneWithin(kPatience));
}

void SendReply(int socket, uint32_t sequence, const Status& status, const OwnedMount* mounted = nullptr) {
  MounterReply reply;
  reply.sequence = sequence;
  reply.made = mounted == nullptr ? 0 : static_cast<uint32_t>(mounted->made());
  const int connection = mounted == nullptr ? -1 : mounted->connection();
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
      return SendReply(socket, request.sequence, mounted, mounted ? mount.get() : nullptr);
    }
    case MounterVerb::kUnmount:
      return SendReply(socket, request.sequence, Unmount(mount));
    case MounterVerb::kRaiseReadAhead: {
      const Status raised = mount ? mount->RaiseReadAhead(request.read_ahead_kb) : Fail(ENOTCONN, "nothing is mounted");
      return SendReply(socket, request.sequence, raised);
    }
    case MounterVerb::kFarewell:
      return;
  }
}

}  // namespace

void RunMounter(UniqueFd socket, pid_t daemon, const Mounter::OnDeath& on_death) {
  LeaveTheJob();
  // What the launcher gave the daemon (pipes to mpiexec, its sockets) must not stay open here when the daemon dies, or
  // the launcher would wait for it.
  CloseAllBut({socket.get()});
  CloseStandard();
  const UniqueFd death = OpenDeathSignal();
  std::unique_ptr<OwnedMount> mount;
  bool farewell = false;
  bool had_mounted = false;
  while (const std::optional<MounterRequest> request =
             getppid() == daemon ? NextRequest(socket.get(), death.get()) : std::nullopt) {
    farewell = farewell || request->verb == MounterVerb::kFarewell;
    Serve(socket.get(), *request, mount);
    had_mounted = had_mounted || mount != nullptr;
  }
  const bool unmounted = Unmount(mount).has_value();
  const auto left = !had_mounted ? Mounter::Left::kNothing
                    : unmounted  ? Mounter::Left::kNoMountAnyMore
                                 : Mounter::Left::kMount;
  if (!farewell && on_death) TellOfDeath(on_death, daemon, left);
  _exit(0);
}

}  // namespace copper::mount

// The daemon's side of the mounter.
#include "copper/mount/mounter.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mount_info.h"
#include "mount_point.h"
#include "mounter_process.h"
#include "mounter_protocol.h"

namespace copper::mount {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(10);
// At the end of a job, which waits for it: 4 s, and 3 s more once it was woken.
constexpr Duration kUnmounts = std::chrono::seconds(4);
constexpr Duration kUnmountsWoken = std::chrono::seconds(3);
constexpr Duration kEnds = std::chrono::seconds(5);

// Whether something can be read (or the other end is closed) before the deadline.
bool WaitFor(int socket, short events, TimePoint deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd state{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&state, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

struct Received {
  MounterReply reply;
  UniqueFd connection;
};

Result<Received> Receive(int socket) {
  Received received;
  std::byte bytes[sizeof received.reply];
  iovec part{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return FailErrno("cannot hear the mounter");
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    received.connection.Reset(fd);
  }
  const auto reply = TakeMounterReply(std::span(bytes).first(static_cast<size_t>(got)));
  if (!reply) return Fail(EPIPE, "the mounter process is gone");
  received.reply = *reply;
  return received;
}

Result<Received> Ask(int socket, const MounterRequest& request, Duration patience = kDeadline) {
  if (send(socket, &request, sizeof request, MSG_NOSIGNAL) < 0) return FailErrno("the mounter process is gone");
  const TimePoint deadline = std::chrono::steady_clock::now() + patience;
  while (WaitFor(socket, POLLIN, deadline)) {
    auto received = Receive(socket);
    if (!received) return std::unexpected(received.error());
    if (received->reply.sequence != request.sequence) continue;  // to a request that was given up
    if (received->reply.error != 0) return Fail(received->reply.error, received->reply.message);
    return received;
  }
  return Fail(ETIMEDOUT, "the mounter process does not answer");
}

bool Put(char* to, size_t size, const std::string& text) {
  if (text.size() >= size || text.find('\0') != std::string::npos) return false;
  text.copy(to, text.size());
  return true;
}

Status OnlyStatus(const Result<Received>& answer) {
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace

Result<Mounter> Mounter::Fork(const OnDeath& on_death) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("cannot start the mounter");
  UniqueFd ours(ends[0]), theirs(ends[1]);
  const pid_t daemon = getpid();
  const pid_t pid = fork();
  if (pid < 0) return FailErrno("cannot start the mounter");
  if (pid == 0) {
    ours.Reset();
    RunMounter(std::move(theirs), daemon, on_death);
  }
  return Mounter(std::move(ours), pid);
}

Mounter& Mounter::operator=(Mounter&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(pid_, other.pid_);
  std::swap(sequence_, other.sequence_);
  std::swap(point_, other.point_);
  std::swap(mount_id_, other.mount_id_);
  std::swap(made_, other.made_);
  return *this;
}

// The mounter ends when it reads the end of the socket; its own end closes when it is gone.
Mounter::~Mounter() {
  if (!socket_) return;
  MounterRequest farewell;
  farewell.sequence = ++sequence_;
  farewell.verb = MounterVerb::kFarewell;
  static_cast<void>(send(socket_.get(), &farewell, sizeof farewell, MSG_NOSIGNAL));  // not answered
  shutdown(socket_.get(), SHUT_WR);
  if (WaitFor(socket_.get(), POLLIN | POLLHUP, std::chrono::steady_clock::now() + kEnds)) waitpid(pid_, nullptr, 0);
}

Result<UniqueFd> Mounter::Mount(const MountOptions& options) {
  MounterRequest request;
  request.sequence = ++sequence_;
  request.verb = MounterVerb::kMount;
  request.allow_other = options.allow_other ? 1 : 0;
  if (options.source.find_first_of(",\\") != std::string::npos ||
      !Put(request.source, sizeof request.source, options.source)) {
    return Fail(EINVAL, "the mount's source name " + options.source + " is not usable");
  }
  if (!Put(request.point, sizeof request.point, options.point))
    return Fail(ENAMETOOLONG, "the mount point's path is too long");
  const Result<std::string> point = ResolveMountPoint(options.point);  // before it is a mount that nobody answers for
  auto answer = Ask(socket_.get(), request);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->connection) return Fail(EPROTO, "the mounter mounted but handed no connection over");
  const auto mounts = point ? MountsAt(*point) : std::unexpected(point.error());
  if (mounts && !mounts->empty()) {
    point_ = *point;
    mount_id_ = mounts->back().id;
    made_ = answer->reply.made;
  }
  return std::move(answer->connection);
}

Status Mounter::Unmount() {
  Status unmounted = AskToUnmount(kUnmounts);
  if (!unmounted && unmounted.error().code == ETIMEDOUT) {
    kill(pid_, SIGCONT);  // somebody may have frozen it
    unmounted = AskToUnmount(kUnmountsWoken);
  }
  if (unmounted || point_.empty()) return unmounted;
  if (IsMounted() && (geteuid() != 0 || !UnmountLazily(point_))) return unmounted;
  RemoveMadePoint();
  return {};
}

// What a mounter that is not there any more has made.
void Mounter::RemoveMadePoint() {
  std::vector<std::string> made;
  std::string part = point_;
  for (uint32_t left = std::exchange(made_, 0); left > 0 && part.size() > 1; --left) {
    made.insert(made.begin(), part);
    part.resize(part.rfind('/'));
  }
  RemoveMade(made);
}

Status Mounter::AskToUnmount(Duration patience) {
  MounterRequest request;
  request.sequence = ++sequence_;
  request.verb = MounterVerb::kUnmount;
  return OnlyStatus(Ask(socket_.get(), request, patience));
}

// Whether what this mounter mounted is there still.
bool Mounter::IsMounted() const {
  const auto mounts = MountsAt(point_);
  return mounts && !mounts->empty() && mounts->back().id == mount_id_;
}

Status Mounter::RaiseReadAhead(unsigned kb) {
  MounterRequest request;
  request.sequence = ++sequence_;
  request.verb = MounterVerb::kRaiseReadAhead;
  request.read_ahead_kb = kb;
  return OnlyStatus(Ask(socket_.get(), request));
}

}  // namespace copper::mount

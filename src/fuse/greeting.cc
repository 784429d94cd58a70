#include "greeting.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "copper/base/unique_fd.h"

namespace copper::fuse {
namespace {

constexpr uint32_t kAdded = FUSE_PARALLEL_DIROPS;

uint32_t OfferedFlags(std::string_view request) {
  fuse_init_in in{};
  if (request.size() <= sizeof(fuse_in_header)) return 0;
  request.remove_prefix(sizeof(fuse_in_header));
  std::memcpy(&in, request.data(), std::min(request.size(), sizeof in));
  return in.flags;
}

void AddFlags(std::string& reply, uint32_t offered) {
  fuse_out_header header{};
  if (reply.size() < sizeof header + sizeof(fuse_init_out)) return;
  std::memcpy(&header, reply.data(), sizeof header);
  if (header.error != 0) return;
  char* const flags = reply.data() + sizeof header + offsetof(fuse_init_out, flags);
  uint32_t value = 0;
  std::memcpy(&value, flags, sizeof value);
  value |= offered & kAdded;
  std::memcpy(flags, &value, sizeof value);
}

// What `process` writes to `connection`.
Result<std::string> Capture(int connection, const std::function<void()>& process) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return FailErrno("no socket pair");
  const UniqueFd ours(ends[0]), theirs(ends[1]);
  const UniqueFd saved(fcntl(connection, F_DUPFD_CLOEXEC, 0));
  if (!saved || dup3(theirs.get(), connection, O_CLOEXEC) < 0) return FailErrno("cannot stand in for the connection");
  process();
  if (dup3(saved.get(), connection, O_CLOEXEC) < 0) return FailErrno("cannot put the connection back");
  std::string reply(4096, '\0');
  const ssize_t got = recv(ours.get(), reply.data(), reply.size(), 0);
  if (got < 0) return FailErrno("libfuse did not answer the kernel's greeting");
  reply.resize(static_cast<size_t>(got));
  return reply;
}

}  // namespace

Status Greet(int connection, std::string_view request, const std::function<void()>& process) {
  auto reply = Capture(connection, process);
  if (!reply) return std::unexpected(reply.error());
  AddFlags(*reply, OfferedFlags(request));
  if (write(connection, reply->data(), reply->size()) < 0) return FailErrno("cannot answer the kernel's greeting");
  return {};
}

}  // namespace copper::fuse

// The mounter as a process, over its socket pair: whatever it is sent, it answers each request or ends in order, mounts
// nothing but where it was told, and leaves nothing behind.
//
// An input is pieces: the first byte of each says what it is. Even: a request, of verb, options, mount point (one byte
// each) and source (the rest). Odd: a message as it is.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "copper/base/files.h"
#include "expect.h"
#include "mount/mounter_process.h"
#include "pieces.h"

using namespace copper;
using namespace copper::mount;

namespace {

class Place {
 public:
  Place() : root("/tmp/copper-fuzz-mounter-" + std::to_string(getpid())) {
    std::filesystem::create_directories(root + "/there");
    EXPECT_ALWAYS(WriteWholeFile(root + "/file", "x"));
  }
  ~Place() { std::filesystem::remove_all(root); }

  // Where requests may mount: never outside.
  std::string Point(uint8_t number) const {
    switch (number % 8) {
      case 0:
        return "";
      case 1:
        return root + "/file";
      case 2:
        return root + "/file/below";
      case 3:
        return root + "/" + std::string(300, 'n');
      case 4:
        return root + "/there";
      case 5:
        return root + "/there/with, space\\ and\nline";
      default:
        return root + "/absent/deep";
    }
  }
  bool IsClean() const {
    return !ReadWholeFile("/proc/self/mountinfo").value_or("").contains(root) &&
           !std::filesystem::exists(root + "/absent") && std::filesystem::is_empty(root + "/there");
  }

  const std::string root;
};

std::string MessageOf(const Place& place, const std::string& piece) {
  MounterRequest request;
  if (piece[0] % 2 != 0) {
    std::string raw = piece.substr(1);
    const auto parsed = TakeMounterRequest(std::as_bytes(std::span(raw)));
    if (!parsed || parsed->verb != MounterVerb::kMount) return raw;
    request = *parsed;
  } else {
    request.sequence = static_cast<uint8_t>(piece[0]);
    request.verb = static_cast<MounterVerb>(piece.size() > 1 ? piece[1] % 5 : 0);
    request.allow_other = piece.size() > 2 ? piece[2] % 2 : 0;
    request.read_ahead_kb = piece.size() > 2 ? static_cast<uint8_t>(piece[2]) * 1000U : 0;
    if (piece.size() > 4) piece.copy(request.source, sizeof request.source - 1, 4);
  }
  const std::string point = place.Point(piece.size() > 3 ? static_cast<uint8_t>(piece[3]) : 0);
  std::memset(request.point, 0, sizeof request.point);
  point.copy(request.point, sizeof request.point - 1);
  return {reinterpret_cast<const char*>(&request), sizeof request};
}

// libFuzzer's own timer interrupts what waits.
template <class Call>
auto Uninterrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// False: it has ended.
bool Answers(int socket, const std::string& message) {
  if (Uninterrupted([&] { return send(socket, message.data(), message.size(), MSG_NOSIGNAL); }) < 0) return false;
  const auto request = TakeMounterRequest(std::as_bytes(std::span(message)));
  if (request && request->verb == MounterVerb::kFarewell) return true;
  std::byte bytes[sizeof(MounterReply) + 1];
  iovec part{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr got{};
  got.msg_iov = &part;
  got.msg_iovlen = 1;
  got.msg_control = control;
  got.msg_controllen = sizeof control;
  const ssize_t length = Uninterrupted([&] { return recvmsg(socket, &got, MSG_CMSG_CLOEXEC); });
  EXPECT_ALWAYS(request.has_value() == (length > 0));
  if (length <= 0) return false;
  const auto reply = TakeMounterReply(std::span(bytes).first(static_cast<size_t>(length)));
  EXPECT_ALWAYS(reply && reply->sequence == request->sequence);
  const cmsghdr* const passed = CMSG_FIRSTHDR(&got);
  EXPECT_ALWAYS((passed != nullptr) == (request->verb == MounterVerb::kMount && reply->error == 0));
  if (passed == nullptr) return true;
  int connection = -1;
  std::memcpy(&connection, CMSG_DATA(passed), sizeof connection);
  close(connection);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Place place;
  int ends[2];
  EXPECT_ALWAYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd ours(ends[0]);
  UniqueFd its(ends[1]);
  const pid_t self = getpid();
  const pid_t child = fork();
  EXPECT_ALWAYS(child >= 0);
  if (child == 0) RunMounter(std::move(its), self, {});
  its.Reset();
  Pieces pieces({data, size});
  bool answers = true;
  while (const auto piece = answers ? pieces.Next() : std::nullopt) {
    const auto text = piece->span();
    if (text.empty()) continue;
    answers = Answers(ours.get(), MessageOf(place, {reinterpret_cast<const char*>(text.data()), text.size()}));
  }
  shutdown(ours.get(), SHUT_RDWR);
  int status = 0;
  EXPECT_ALWAYS(Uninterrupted([&] { return waitpid(child, &status, 0); }) == child);
  EXPECT_ALWAYS(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_ALWAYS(place.IsClean());
  return 0;
}

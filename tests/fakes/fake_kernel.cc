#include "fakes/fake_kernel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace copper::fakes {
namespace {

template <class T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Zeros where the text is too short.
template <class T>
T FromBytes(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

std::string WithNul(std::string_view name) {
  return std::string(name) + '\0';
}

}  // namespace

FakeKernel::FakeKernel() : uid_(geteuid()) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("no socket pair");
  socket_.Reset(ends[0]);
  connection_.Reset(ends[1]);
  const int size = 8 << 20;  // a store of one chunk is one message; only root may have that much
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  thread_ = std::thread([this] { Run(); });
}

FakeKernel::~FakeKernel() {
  Close();
  thread_.join();
}

UniqueFd FakeKernel::TakeConnection() {
  return std::move(connection_);
}

void FakeKernel::Close() {
  shutdown(socket_.get(), SHUT_RDWR);
}

void FakeKernel::Run() {
  std::string buffer(4 << 20, '\0');
  while (true) {
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < static_cast<ssize_t>(sizeof(fuse_out_header))) return;
    const auto header = FromBytes<fuse_out_header>(buffer);
    const size_t length = static_cast<size_t>(got);
    std::string body = buffer.substr(sizeof header, length - sizeof header);
    const std::lock_guard lock(mutex_);
    if (header.unique == 0) {
      notices_.push_back({header.error, std::move(body)});
    } else {
      answers_[header.unique] = {-header.error, std::move(body)};
    }
    arrived_.notify_all();
  }
}

uint64_t FakeKernel::Send(uint32_t opcode, uint64_t node, std::string_view body) {
  fuse_in_header header{};
  header.opcode = opcode;
  header.unique = next_unique_;
  next_unique_ += 2;  // as the kernel: the odd ones are of interrupts
  header.nodeid = node;
  header.uid = uid_;
  header.gid = getegid();
  header.pid = static_cast<uint32_t>(getpid());
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  const std::string message = std::string(AsBytes(header)) + std::string(body);
  static_cast<void>(send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL));
  return header.unique;
}

FakeKernel::Answer FakeKernel::Wait(uint64_t request, Duration timeout) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, timeout, [&] { return answers_.contains(request); })) return {ETIME, {}};
  return answers_.at(request);
}

FakeKernel::Answer FakeKernel::Call(uint32_t opcode, uint64_t node, std::string_view body) {
  const uint64_t request = Send(opcode, node, body);
  Answer answer = Wait(request);
  const std::lock_guard lock(mutex_);
  answers_.erase(request);
  return answer;
}

bool FakeKernel::HasAnswer(uint64_t request) const {
  const std::lock_guard lock(mutex_);
  return answers_.contains(request);
}

fuse_init_out FakeKernel::Init(uint32_t minor) {
  fuse_init_in in{};
  in.major = FUSE_KERNEL_VERSION;
  in.minor = minor;
  in.max_readahead = 128 << 10;
  in.flags = UINT32_MAX & ~static_cast<uint32_t>(FUSE_INIT_EXT);
  return FromBytes<fuse_init_out>(Call(FUSE_INIT, 0, AsBytes(in)).body);
}

uint64_t FakeKernel::SendLookup(uint64_t parent, std::string_view name) {
  return Send(FUSE_LOOKUP, parent, WithNul(name));
}

FakeKernel::Entry FakeKernel::Lookup(uint64_t parent, std::string_view name) {
  const Answer answer = Wait(SendLookup(parent, name));
  return {answer.error, FromBytes<fuse_entry_out>(answer.body)};
}

FakeKernel::Entry FakeKernel::Walk(std::string_view path) {
  Entry entry;
  entry.out.nodeid = FUSE_ROOT_ID;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) entry = Lookup(entry.out.nodeid, path.substr(0, slash));
    if (entry.error != 0 || entry.out.nodeid == 0) break;
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return entry;
}

FakeKernel::Answer FakeKernel::Getattr(uint64_t node, fuse_attr_out& out) {
  Answer answer = Call(FUSE_GETATTR, node, AsBytes(fuse_getattr_in{}));
  out = FromBytes<fuse_attr_out>(answer.body);
  return answer;
}

uint64_t FakeKernel::SendRead(uint64_t node, uint64_t offset, uint32_t size) {
  fuse_read_in in{};
  in.offset = offset;
  in.size = size;
  return Send(FUSE_READ, node, AsBytes(in));
}

FakeKernel::Names FakeKernel::Readdir(uint64_t node, uint64_t offset, uint32_t size) {
  return ReadNames(FUSE_READDIR, node, offset, size);
}

FakeKernel::Names FakeKernel::Readdirplus(uint64_t node, uint64_t offset, uint32_t size) {
  return ReadNames(FUSE_READDIRPLUS, node, offset, size);
}

FakeKernel::Names FakeKernel::ReadNames(uint32_t opcode, uint64_t node, uint64_t offset, uint32_t size) {
  fuse_read_in in{};
  in.offset = offset;
  in.size = size;
  const Answer answer = Call(opcode, node, AsBytes(in));
  Names names{answer.error, {}};
  std::string_view rest = answer.body;
  while (!rest.empty()) {
    Name name;
    if (opcode == FUSE_READDIRPLUS) {
      name.out = FromBytes<fuse_entry_out>(rest);
      rest.remove_prefix(sizeof name.out);
    }
    const auto entry = FromBytes<fuse_dirent>(rest);
    name.name = rest.substr(FUSE_NAME_OFFSET, entry.namelen);
    name.number = entry.ino;
    name.type = entry.type;
    name.offset = entry.off;
    rest.remove_prefix(std::min(rest.size(), size_t{FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + entry.namelen)}));
    names.names.push_back(std::move(name));
  }
  return names;
}

void FakeKernel::Forget(uint64_t node, uint64_t lookups) {
  Send(FUSE_FORGET, node, AsBytes(fuse_forget_in{lookups}));
}

void FakeKernel::Interrupt(uint64_t request) {
  Send(FUSE_INTERRUPT, 0, AsBytes(fuse_interrupt_in{request}));
}

std::vector<FakeKernel::Notice> FakeKernel::notices() const {
  const std::lock_guard lock(mutex_);
  return notices_;
}

bool FakeKernel::WaitForNotices(size_t count, Duration timeout) {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, timeout, [&] { return notices_.size() >= count; });
}

}  // namespace copper::fakes

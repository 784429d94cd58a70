#include "reply.h"

#include <sys/uio.h>

#include <cerrno>

namespace copper::fuse {

int KernelErrno(int code) {
  return code <= 0 || code >= 512 || code == ENOSYS ? EIO : code;
}

Reply::~Reply() {
  if (request_ != nullptr) Error(EIO);
}

void Reply::Error(int code) {
  fuse_reply_err(Take(), code);
}

bool Reply::Entry(const fuse_entry_param& entry) {
  return fuse_reply_entry(Take(), &entry) == 0;
}

bool Reply::Names(std::span<const char> entries) {
  return fuse_reply_buf(Take(), entries.data(), entries.size()) == 0;
}

void Reply::Absent(double timeout) {
  fuse_entry_param entry{};
  entry.entry_timeout = timeout;
  fuse_reply_entry(Take(), &entry);
}

void Reply::Attr(const struct stat& attributes, double timeout) {
  fuse_reply_attr(Take(), &attributes, timeout);
}

void Reply::Link(const char* target) {
  fuse_reply_readlink(Take(), target);
}

void Reply::Data(std::span<const Bytes> pieces) {
  if (pieces.empty()) {
    fuse_reply_buf(Take(), nullptr, 0);
  } else if (pieces.size() == 1) {
    fuse_reply_buf(Take(), reinterpret_cast<const char*>(pieces[0].data()), pieces[0].size());
  } else {
    std::vector<iovec> parts;
    for (const Bytes& piece : pieces) parts.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
    fuse_reply_iov(Take(), parts.data(), static_cast<int>(parts.size()));
  }
}

void Reply::Offset(uint64_t offset) {
  fuse_reply_lseek(Take(), static_cast<off_t>(offset));
}

void Reply::Statfs(const struct statvfs& figures) {
  fuse_reply_statfs(Take(), &figures);
}

void Reply::Ioctl(int result, std::span<const std::byte> out) {
  fuse_reply_ioctl(Take(), result, out.data(), out.size());
}

void Reply::None() {
  fuse_reply_none(Take());
}

}  // namespace copper::fuse

#include "reply.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <numeric>

namespace copper::fuse {

int KernelErrno(int code) {
  return code <= 0 || code >= 512 || code == ENOSYS ? EIO : code;
}

uint64_t TotalSize(std::span<const Bytes> pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), uint64_t{0},
                         [](uint64_t sum, const Bytes& piece) { return sum + piece.size(); });
}

profile::PathKind KindOf(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return profile::PathKind::kFile;
    case S_IFDIR:
      return profile::PathKind::kDirectory;
    case S_IFLNK:
      return profile::PathKind::kSymlink;
    default:
      return profile::PathKind::kOther;
  }
}

fuse_req_t Reply::Take(int error, uint64_t bytes) {
  if (use_) use_->End(error, bytes);
  return std::exchange(request_, nullptr);
}

void Reply::NoteKind(uint32_t mode) {
  if (use_) use_->NoteKind(KindOf(mode));
}

Reply::~Reply() {
  if (request_ != nullptr) Error(EIO);
}

void Reply::Error(int code) {
  fuse_reply_err(Take(code), code);
}

bool Reply::Entry(const fuse_entry_param& entry) {
  NoteKind(entry.attr.st_mode);
  return fuse_reply_entry(Take(), &entry) == 0;
}

bool Reply::Names(std::span<const char> entries) {
  return fuse_reply_buf(Take(), entries.data(), entries.size()) == 0;
}

void Reply::Absent(double timeout) {
  fuse_entry_param entry{};
  entry.entry_timeout = timeout;
  fuse_reply_entry(Take(ENOENT), &entry);
}

void Reply::Attr(const struct stat& attributes, double timeout) {
  NoteKind(attributes.st_mode);
  fuse_reply_attr(Take(), &attributes, timeout);
}

void Reply::Link(const char* target) {
  fuse_reply_readlink(Take(), target);
}

void Reply::Data(std::span<const Bytes> pieces) {
  const uint64_t bytes = TotalSize(pieces);
  if (pieces.empty()) {
    fuse_reply_buf(Take(), nullptr, 0);
  } else if (pieces.size() == 1) {
    fuse_reply_buf(Take(0, bytes), reinterpret_cast<const char*>(pieces[0].data()), pieces[0].size());
  } else {
    std::vector<iovec> parts;
    for (const Bytes& piece : pieces) parts.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
    fuse_reply_iov(Take(0, bytes), parts.data(), static_cast<int>(parts.size()));
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

// The one answer to one request of the kernel, and the end of its record.
//
// Owns the request: whatever becomes of a handler (an exception included), the caller gets an answer, EIO where nobody
// gave another. Not for several threads at once. Answering frees the request.
#pragma once

#include <sys/statvfs.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/profile/recorder.h"
#include "fuse_api.h"

namespace copper::fuse {

class Reply {
 public:
  // `use`: its record, null where none is kept. It ends just before the answer is written: who has the answer finds it
  // recorded.
  explicit Reply(fuse_req_t request, profile::UsePtr use = {}) : request_(request), use_(std::move(use)) {}
  Reply(Reply&& other) noexcept : request_(std::exchange(other.request_, nullptr)), use_(std::move(other.use_)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply();

  void Error(int code);  // 0: success without content
  // These two count lookups for the kernel; false if it did not take them (the caller was killed meanwhile).
  [[nodiscard]] bool Entry(const fuse_entry_param& entry);
  [[nodiscard]] bool Names(std::span<const char> entries);
  // The name is absent, and the kernel may remember that.
  void Absent(double timeout);
  void Attr(const struct stat& attributes, double timeout);
  void Link(const char* target);
  void Data(std::span<const Bytes> pieces);
  void Offset(uint64_t offset);
  void Statfs(const struct statvfs& figures);
  void Ioctl(int result, std::span<const std::byte> out = {});
  void None();  // to a request that takes no answer
  // The session is gone, and with it the caller's wait.
  void Abandon() { Take(EINTR); }

  // Null where none is kept.
  const profile::UsePtr& use() const { return use_; }

  // Still to be answered; null afterwards.
  fuse_req_t request() const { return request_; }

 private:
  fuse_req_t Take(int error = 0, uint64_t bytes = 0);
  void NoteKind(uint32_t mode);

  fuse_req_t request_;
  profile::UsePtr use_;
};

uint64_t TotalSize(std::span<const Bytes> pieces);

// By the type bits of a mode.
profile::PathKind KindOf(uint32_t mode);

// An errno as the kernel takes it. ENOSYS would turn the operation off for the whole mount, and from 512 on the numbers
// are the kernel's own: both become EIO.
int KernelErrno(int code);

}  // namespace copper::fuse

#include "hdf5/file_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "copper/base/files.h"

namespace copper::hdf5 {
namespace {

constexpr size_t kBlock = size_t{1} << 20;

Status WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailErrno("write failed");
    data += written;
    size -= static_cast<size_t>(written);
  }
  return {};
}

// So that the rename is on the disk too. Not every file system lets folders be synced: no matter.
void SyncFolder(const std::string& folder) {
  const UniqueFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened) fsync(opened.get());
}

}  // namespace

Result<FileImage> FileImage::Make() {
  UniqueFd memory(memfd_create("copper-profile", MFD_CLOEXEC));
  if (!memory) return FailErrno("cannot take memory for a file");
  return FileImage(std::move(memory));
}

Status FileImage::CopyTo(int fd) const {
  std::vector<char> block(kBlock);
  for (off_t offset = 0;;) {
    const ssize_t got = pread(memory_.get(), block.data(), block.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read failed");
    if (got == 0) return {};
    if (Status written = WriteAll(fd, block.data(), static_cast<size_t>(got)); !written) return written;
    offset += got;
  }
}

Status FileImage::PutInPlace(const std::string& file) const {
  const size_t slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
  if (slash != std::string::npos && slash > 0) {
    if (Status made = MakeDirectories(file.substr(0, slash)); !made) return made;
  }
  const std::string temporary = file + ".tmp" + std::to_string(getpid());
  UniqueFd out(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!out) return FailErrno("cannot create " + temporary);
  Status put = CopyTo(out.get());
  if (put && fsync(out.get()) != 0) put = FailErrno("");
  if (!put) {
    errno = put.error().code;
    put = FailErrno("cannot write " + temporary);
  }
  if (put && rename(temporary.c_str(), file.c_str()) != 0) {
    put = FailErrno("cannot rename " + temporary + " to " + file);
  }
  if (!put) unlink(temporary.c_str());
  if (put) SyncFolder(folder);
  return put;
}

}  // namespace copper::hdf5

#include "hdf5/open.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

namespace copper::hdf5 {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n");
// The superblock of version 2 and 3 (HDF5 File Format Specification 3.0, II.A): signature, version, sizes of offsets
// and lengths, flags, base address, extension, end of file, ...
constexpr size_t kVersionAt = 8;
constexpr size_t kOffsetSizeAt = 9;
constexpr size_t kEndOfFileAt = 28;
constexpr size_t kSuperblock = 48;
constexpr size_t kChunkCache = size_t{4} << 20;  // of each dataset: the chunk that is being read

Handle Access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make properties");
  Check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "choose the format");
  Check(H5Pset_cache(access.get(), 0, 521, kChunkCache, 1.0), "set the cache");
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  // The rename is all the locking that is needed, and not all file systems can lock.
  Check(H5Pset_file_locking(access.get(), false, true), "leave out locks");
#endif
  return access;
}

Status CheckBeginning(const std::string& file, std::span<const unsigned char> head, uint64_t size) {
  const size_t known = std::min(head.size(), kSignature.size());
  if (std::memcmp(head.data(), kSignature.data(), known) != 0) return Fail(EBADMSG, file + " is not an HDF5 file");
  const auto cut_off = [&](const std::string& of) {
    return Fail(EBADMSG, file + " is cut off: it has " + std::to_string(size) + of + " bytes");
  };
  if (head.size() <= kVersionAt) return cut_off("");
  if (head[kVersionAt] < 2)
    return Fail(EBADMSG, file + " was not written by Copper: it is an HDF5 file of another kind");
  if (head.size() < kSuperblock) return cut_off("");
  if (head[kOffsetSizeAt] != sizeof(uint64_t)) return {};  // HDF5 will say what it thinks of this
  uint64_t end = 0;
  for (size_t i = 0; i < sizeof end; ++i) end |= uint64_t{head[kEndOfFileAt + i]} << (8 * i);
  if (size < end) return cut_off(" of " + std::to_string(end));
  return {};
}

}  // namespace

Result<UniqueFd> OpenForReading(const std::string& file) {
  UniqueFd opened(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened) return FailErrno("cannot open " + file);
  struct stat found{};
  if (fstat(opened.get(), &found) != 0) return FailErrno("cannot open " + file);
  if (!S_ISREG(found.st_mode)) return Fail(EBADMSG, file + " is not an HDF5 file: it is no regular file");
  unsigned char head[kSuperblock];
  const ssize_t got = pread(opened.get(), head, sizeof head, 0);
  if (got < 0) return FailErrno("cannot read " + file);
  const Status begins = CheckBeginning(file, {head, static_cast<size_t>(got)}, static_cast<uint64_t>(found.st_size));
  if (!begins) return std::unexpected(begins.error());
  return opened;
}

Handle OpenHdf5(const std::string& path) {
  return Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, Access().get()), H5Fclose, "open it");
}

Handle CreateHdf5(const std::string& path) {
  const Handle access = Access();
  // The other driver looks for the file behind a symbolic link, and there is none behind that of a memfd.
  Check(H5Pset_fapl_stdio(access.get()), "choose the driver");
  return Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose, "make it");
}

}  // namespace copper::hdf5

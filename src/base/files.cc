#include "copper/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "copper/base/unique_fd.h"

namespace copper {
namespace {

Status WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailErrno("write failed");
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// A directory says so itself when it is read.
bool IsFile(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
}

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path, size_t most) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return FailErrno("cannot open " + path);
  if (!IsFile(file.get())) return Fail(ENODEV, path + " is no regular file");
  std::string content;
  char block[65536];
  while (true) {
    const ssize_t got = read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("cannot read " + path);
    if (got == 0) return content;
    content.append(block, static_cast<size_t>(got));
    if (content.size() > most)
      return Fail(EFBIG, path + " has more than the " + std::to_string(most) + " bytes that it may have");
  }
}

Status WriteWholeFile(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  UniqueFd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return FailErrno("cannot create " + temporary);
  Status written = WriteAll(file.get(), content);
  if (!written) written = FailErrno("cannot write " + temporary);
  if (written && rename(temporary.c_str(), path.c_str()) != 0)
    written = FailErrno("cannot rename " + temporary + " to " + path);
  if (!written) unlink(temporary.c_str());
  return written;
}

Status MakeEmptyFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return FailErrno("cannot create " + path);
  return {};
}

Status MakeDirectories(const std::string& path, unsigned mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return FailErrno("cannot make the directory " + part);
    }
    if (slash == std::string::npos) break;
  }
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return FailErrno("cannot make the directory " + path);
  if (!S_ISDIR(found.st_mode)) return Fail(ENOTDIR, path + " is there, but is no directory");
  return {};
}

}  // namespace copper

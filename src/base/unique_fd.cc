#include "copper/base/unique_fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace copper {

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

void CloseAllBut(std::initializer_list<int> kept) {
  std::vector<int> open_ones;
  if (DIR* const directory = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(directory)) open_ones.push_back(std::atoi(entry->d_name));
    closedir(directory);
  }
  for (const int fd : open_ones) {
    if (fd > STDERR_FILENO && std::ranges::find(kept, fd) == kept.end()) close(fd);
  }
}

void CloseStandard() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null.get(), standard);
}

}  // namespace copper

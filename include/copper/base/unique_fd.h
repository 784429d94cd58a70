// A file descriptor with one owner.
#pragma once

#include <initializer_list>
#include <utility>

namespace copper {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Closes every descriptor but the standard ones and those that are kept: for a process whose descriptors somebody else
// must see closed. What other threads have open is closed, too.
void CloseAllBut(std::initializer_list<int> kept);
// Makes standard input, output and error /dev/null.
void CloseStandard();

}  // namespace copper

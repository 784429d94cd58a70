// Makes a system call again that failed for a reason which passes by itself.
#pragma once

#include <cerrno>
#include <chrono>
#include <thread>

namespace copper::storage {

// EINTR and EAGAIN, that is: a source that answers one of them for ever is believed in the end. Half a second in all.
// EINTR is EIO by then: nobody was interrupted, and programs that hear it ask again for ever.
inline constexpr int kTries = 10;
inline constexpr auto kFirstPause = std::chrono::milliseconds(1);  // after EAGAIN; doubled each time

// `call()` returns what the system call does: negative with errno set if it failed.
template <class Call>
auto Retry(Call call) {
  auto pause = kFirstPause;
  for (int tries = 1;; ++tries) {
    const auto result = call();
    if (result >= 0) return result;
    if (tries == kTries) {
      if (errno == EINTR) errno = EIO;
      return result;
    }
    if (errno == EAGAIN) {
      std::this_thread::sleep_for(pause);
      pause *= 2;
    } else if (errno != EINTR) {
      return result;
    }
  }
}

}  // namespace copper::storage

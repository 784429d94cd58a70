#include "copper/jobdir/uncaught.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace copper {
namespace {

constexpr unsigned kPatienceS = 3;

const char* Why() {
  if (!std::current_exception()) return "a mistake in the program ends it (std::terminate)";
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "no memory is left for it (ulimit -v, ulimit -d, or a limit of the kernel's), which ends it";
  } catch (const std::exception& mistake) {
    return mistake.what();
  } catch (...) {
    return "an exception of no known kind ends it";
  }
}

// One line; what can't be written is left out.
void Say(int file, const char* beginning, const char* why) {
  std::array<iovec, 3> parts{};
  const std::array<const char*, 3> texts{beginning, why, "\n"};
  for (size_t i = 0; i < parts.size(); ++i) parts[i] = {const_cast<char*>(texts[i]), std::strlen(texts[i])};
  [[maybe_unused]] const ssize_t written = writev(file, parts.data(), static_cast<int>(parts.size()));
}

// The job directory may hang.
void EndWithin(unsigned seconds) {
  signal(SIGALRM, SIG_DFL);
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarms, nullptr);
  alarm(seconds);
}

}  // namespace

Uncaught::Uncaught(const JobRecord& record) : process_(getpid()), record_(record), place_(record.PlaceOfReason()) {}

void Uncaught::End() const noexcept {
  EndWithin(kPatienceS);
  if (ending_.exchange(true)) {
    while (true) pause();
  }
  const char* const why = Why();
  Say(STDERR_FILENO, place_.beginning.c_str(), why);
  const bool may_write = process_ == getpid() && record_.is_ours();
  const int file =
      may_write ? open(place_.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644) : -1;
  if (file >= 0) Say(file, place_.beginning.c_str(), why);
  signal(SIGABRT, SIG_DFL);  // libraries have handlers of their own, which end in other ways
  std::abort();
}

}  // namespace copper

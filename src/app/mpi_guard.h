// MPI can be given no deadline, and does not return where a rank is lost. While it may be in use, at the two ends of
// the job, a thread waits for signals and for the time to pass; then the process ends, whatever the main thread waits
// for. (Its mounter unmounts.) When the launcher says that a rank has died (SIGUSR1), what all ranks have contributed
// to still completes, in a moment; nothing else will: the time is cut short, and the signal is passed on to the main
// loop.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "copper/base/clock.h"
#include "copper/base/unique_fd.h"

namespace copper::app {

class MpiGuard {
 public:
  // What all ranks have contributed to completes within this once a rank has died.
  static constexpr Duration kAfterDeath = std::chrono::seconds(5);

  // What becomes of the process when it is told to end (SIGTERM, SIGINT, SIGHUP). At the end of the job it is on its
  // way already, with the profile in its hands.
  enum class WhenTold { kEnds, kGoesOn };

  // `patience_after_death` counts from SIGUSR1. `on_failure` is called with the reason, in the guard's thread, right
  // before the process ends with `status`.
  MpiGuard(Duration patience, Duration patience_after_death, WhenTold when_told, int status,
           std::function<void(const std::string& reason)> on_failure);
  // MPI has done what it should. Signals that come later wait for the main loop.
  ~MpiGuard();
  MpiGuard(const MpiGuard&) = delete;
  MpiGuard& operator=(const MpiGuard&) = delete;

 private:
  void Watch(TimePoint deadline);

  const Duration patience_after_death_;
  const WhenTold when_told_;
  const int status_;
  const std::function<void(const std::string&)> on_failure_;
  const UniqueFd signals_;  // signalfd
  const UniqueFd over_;     // eventfd
  std::thread thread_;
};

}  // namespace copper::app

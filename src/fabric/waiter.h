// How the progress thread sleeps: on the completion queue's descriptor and an eventfd, or, where the provider has no
// such descriptor, in pauses that grow while nothing happens.
#pragma once

#include <rdma/fi_eq.h>

#include <atomic>
#include <memory>
#include <span>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/unique_fd.h"
#include "fabric/transport.h"

namespace copper::fabric {

class Waiter {
 public:
  static Result<std::unique_ptr<Waiter>> Make(Transport& transport);
  Waiter(Transport& transport, UniqueFd event) : transport_(transport), event_(std::move(event)) {}

  bool polls() const { return transport_.wait_fd < 0; }

  // Any thread: ends the Wait under way, or the next one at once.
  void Wake();
  // The progress thread's, all of what follows. Completions, as fi_cq_read; 0 if there are none.
  ssize_t Read(std::span<fi_cq_msg_entry> entries);
  // Whether the queue's descriptor was readable since this was asked last: something came, if only part of a message or
  // a new connection. Always true of queues that can't wait.
  bool TakeStirred() { return polls() || std::exchange(stirred_, false); }
  // Returns when there may be something to do, at the latest at `until`.
  void Wait(TimePoint until);
  // Something was done, so that more may follow soon.
  void Worked() { pause_ = {}; }

 private:
  void Sleep(TimePoint until);
  void Clear();
  ssize_t Settle(std::span<fi_cq_msg_entry> entries);

  Transport& transport_;
  UniqueFd event_;
  std::atomic<bool> woken_ = false;
  std::atomic<bool> settling_ = false;  // inside fi_cq_sread, which the eventfd doesn't end
  bool roused_ = false;                 // the queue's descriptor was readable
  bool stirred_ = false;                // the same, until TakeStirred
  Duration pause_{};                    // the last one, of polling
};

}  // namespace copper::fabric

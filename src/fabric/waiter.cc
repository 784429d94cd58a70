#include "fabric/waiter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

namespace copper::fabric {
namespace {

// Without a descriptor: a look takes some 5 us, so that one every 2 ms is well below 1% of a core.
constexpr Duration kFirstPause = std::chrono::microseconds(10);
constexpr Duration kLongestPause = std::chrono::milliseconds(2);

}  // namespace

Result<std::unique_ptr<Waiter>> Waiter::Make(Transport& transport) {
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return FailErrno("cannot create an eventfd");
  return std::make_unique<Waiter>(transport, std::move(event));
}

void Waiter::Wake() {
  if (woken_.exchange(true)) return;
  const uint64_t one = 1;
  (void)!write(event_.get(), &one, sizeof(one));  // can't fail: the counter is near 0
  if (settling_) fi_cq_signal(transport_.completions.get());
}

void Waiter::Clear() {
  uint64_t count = 0;
  (void)!read(event_.get(), &count, sizeof(count));
  woken_ = false;  // after the read: a Wake in between is seen by what the thread does next
}

ssize_t Waiter::Read(std::span<fi_cq_msg_entry> entries) {
  const bool roused = std::exchange(roused_, false);
  ssize_t count = fi_cq_read(transport_.completions.get(), entries.data(), entries.size());
  if (count == -FI_EAGAIN && roused) count = Settle(entries);
  return count == -FI_EAGAIN ? 0 : count;
}

// The descriptor was readable, but the queue is empty: part of a message came, or the descriptor stays readable since
// fi_trywait doesn't clear it (net of libfabric 1.17). Waiting inside libfabric, for a moment, does.
ssize_t Waiter::Settle(std::span<fi_cq_msg_entry> entries) {
  constexpr int kMilliseconds = 1;
  ssize_t count = -FI_EAGAIN;
  settling_ = true;
  if (!woken_)
    count = fi_cq_sread(transport_.completions.get(), entries.data(), entries.size(), nullptr, kMilliseconds);
  settling_ = false;
  const bool nothing = count == -FI_ETIMEDOUT || count == -FI_ECANCELED || count == -FI_EINTR || count == -FI_ENOSYS;
  return nothing ? -FI_EAGAIN : count;
}

void Waiter::Wait(TimePoint until) {
  if (!polls()) {
    fid* queue = &transport_.completions->fid;
    if (fi_trywait(transport_.fabric.get(), &queue, 1) == FI_SUCCESS) Sleep(until);
    return;
  }
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  Sleep(std::min(until, std::chrono::steady_clock::now() + pause_));
}

void Waiter::Sleep(TimePoint until) {
  std::array<pollfd, 2> descriptors = {pollfd{event_.get(), POLLIN, 0}, pollfd{transport_.wait_fd, POLLIN, 0}};
  timespec limit{};
  if (until != kNever) {
    const Duration left = std::max(until - std::chrono::steady_clock::now(), Duration::zero());
    limit.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    limit.tv_nsec = (left % std::chrono::seconds(1)).count();
  }
  ppoll(descriptors.data(), descriptors.size(), until == kNever ? nullptr : &limit, nullptr);
  if ((descriptors[0].revents & POLLIN) != 0) Clear();
  roused_ = descriptors[1].revents != 0;
  stirred_ = stirred_ || roused_;
}

}  // namespace copper::fabric

#include "server.h"

#include <algorithm>
#include <thread>

namespace copper::source_fs {
namespace {

constexpr uint64_t kPiece = uint64_t{1} << 20;

}  // namespace

Faults::Effect Server::Work(Operation operation, const std::string& path, uint64_t offset, size_t bytes,
                            const std::function<bool()>& interrupted) {
  counters_.Count(operation, path, offset / kPiece);
  const Faults::Effect effect = faults_.Apply(operation, path, interrupted);
  TakePlace();
  const bool reads = operation == Operation::kRead;
  const Clock::time_point done = Clock::now() + (reads ? limits_.read_latency : limits_.latency);
  bytes = effect.error != 0 ? 0 : std::min(bytes, effect.longest);
  std::this_thread::sleep_until(reads ? std::max(done, Carried(bytes)) : done);
  LeavePlace();
  if (reads) counters_.CountBytes(bytes);
  return effect;
}

void Server::TakePlace() {
  std::unique_lock lock(mutex_);
  left_.wait(lock, [&] { return limits_.at_once == 0 || working_ < limits_.at_once; });
  ++working_;
  counters_.Enter();
}

void Server::LeavePlace() {
  const std::lock_guard lock(mutex_);
  --working_;
  counters_.Leave();
  left_.notify_one();
}

Server::Clock::time_point Server::Carried(size_t bytes) {
  if (limits_.bytes_per_second == 0) return {};
  const std::lock_guard lock(mutex_);
  const auto takes = std::chrono::nanoseconds(bytes * 1'000'000'000 / limits_.bytes_per_second);
  wire_free_ = std::max(wire_free_, Clock::now()) + takes;
  return wire_free_;
}

}  // namespace copper::source_fs

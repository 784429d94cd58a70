// The server that the mounts stand for: slow, with room for so many operations at once, on a wire of so many bytes per
// second. All mounts of one process share it, as the nodes of a machine share a parallel file system.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "counters.h"
#include "faults.h"
#include "operation.h"

namespace copper::source_fs {

struct Limits {
  std::chrono::microseconds latency{0};       // of each operation but a read
  std::chrono::microseconds read_latency{0};  // of each read, whatever its length
  int at_once = 0;                            // operations; the others queue. 0: no limit
  uint64_t bytes_per_second = 0;              // of all reads together. 0: no limit
};

class Server {
 public:
  explicit Server(const Limits& limits) : limits_(limits) {}

  // Counts the operation, has its faults, waits for a place and for as long as the operation takes. `bytes`: what a
  // read will answer.
  Faults::Effect Work(Operation operation, const std::string& path, uint64_t offset, size_t bytes,
                      const std::function<bool()>& interrupted);

  // As the mounts show an inode number: at first as it is, and after each Renumber as another.
  uint64_t NumberOf(uint64_t inode) const { return inode ^ renumberings_ << 20; }
  void Renumber() { ++renumberings_; }

  Faults& faults() { return faults_; }
  Counters& counters() { return counters_; }

 private:
  using Clock = std::chrono::steady_clock;
  void TakePlace();
  void LeavePlace();
  // When the wire, which takes one read after the other, will have carried this one.
  Clock::time_point Carried(size_t bytes);

  const Limits limits_;
  Faults faults_;
  Counters counters_;
  std::atomic<uint64_t> renumberings_{0};
  std::mutex mutex_;  // guards what follows
  std::condition_variable left_;
  int working_ = 0;
  Clock::time_point wire_free_{};
};

}  // namespace copper::source_fs

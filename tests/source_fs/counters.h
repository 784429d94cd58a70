// What was asked of the file system: each operation on each object. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "operation.h"

namespace copper::source_fs {

class Counters {
 public:
  // `piece` tells the parts of one file apart.
  void Count(Operation operation, const std::string& path, uint64_t piece = 0);
  void CountBytes(uint64_t bytes);
  // Operations that the server works on at the same time.
  void Enter();
  void Leave();
  void Reset();

  // One line of JSON: per operation how often ("operations") and on how many different objects ("distinct"),
  // "bytes_read", and "most_at_once".
  std::string Json(int hanging) const;
  // A line for each object: operation, times, piece, path, with tabs between; false if the file can't be written.
  bool Dump(const std::string& file) const;

 private:
  using Object = std::tuple<Operation, std::string, uint64_t>;
  mutable std::mutex mutex_;  // guards what follows
  std::map<Object, uint64_t> times_;
  uint64_t bytes_read_ = 0;
  int at_once_ = 0;
  int most_at_once_ = 0;
};

}  // namespace copper::source_fs

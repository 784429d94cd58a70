// Faults that a test sets while the file system runs. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "operation.h"

namespace copper::source_fs {

struct Fault {
  enum class Kind { kError, kShort, kDelay, kHang };
  std::optional<Operation> operation;  // none: any
  Kind kind = Kind::kError;
  uint64_t value = 0;   // errno, bytes at most, or milliseconds
  int64_t times = -1;   // how many operations it still hits; negative: for ever
  std::string pattern;  // of paths ("/directory/*"), as fnmatch(3) without flags: '*' matches '/' too
};

class Faults {
 public:
  // What is left to do after the waiting: an errno to answer with (0: none), and the longest read to answer.
  struct Effect {
    int error = 0;
    size_t longest = SIZE_MAX;
  };

  void Add(Fault fault);
  void Clear();  // all of them; what hangs goes on
  int hanging() const;

  // Waits as the faults for this operation say; what hangs ends with EINTR once `interrupted` says so.
  Effect Apply(Operation operation, const std::string& path, const std::function<bool()>& interrupted);

 private:
  std::list<Fault> Hits(Operation operation, const std::string& path);
  int Hang(const std::function<bool()>& interrupted);

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable cleared_;
  std::list<Fault> faults_;
  uint64_t clears_ = 0;
  int hanging_ = 0;
};

}  // namespace copper::source_fs

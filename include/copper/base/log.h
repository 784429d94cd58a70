// The log of one rank: `2026-03-27 23-33-58.082 [Info] (function) message`.
//
// A Logger is made by the daemon and passed down; there is no global one. Any thread.
//
// Nobody who has something to say waits for the disk: lines go through a queue to a thread of the logger's own, which
// is made with the first line. A place that hangs (a frozen job directory, a full pipe) costs lines once the queue is
// full, and the log then says how many, but nothing else: a fatal line, Flush and the destructor wait for a bounded
// time, after which a thread that hangs is left behind.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include "copper/base/clock.h"
#include "copper/base/result.h"

namespace copper {

enum class LogLevel { kNone = 0, kFatal = 1, kError = 2, kWarning = 3, kInfo = 4, kDebug = 5 };
enum class LogType { kFile, kStdout, kBoth };

// A format string that knows the function it stands in.
template <class... Args>
struct LogFormat {
  template <class S>
  consteval LogFormat(const S& text, std::source_location where = std::source_location::current())  // NOLINT implicit
      : format(text), location(where) {}
  fmt::format_string<Args...> format;
  std::source_location location;
};

// Where a logger's lines go. Behind an interface: many ranks in one process need neither a thread each nor the time of
// the host in their lines.
class LogOutput {
 public:
  virtual ~LogOutput() = default;
  // Any thread; does not block.
  virtual void Add(LogLevel level, std::string_view function, const std::string& message) = 0;
  // As Logger::Flush.
  virtual bool Flush(Duration /*patience*/) { return true; }
};

class Logger {
 public:
  // `file` is created when its first line is written, so that a quiet job of thousands of ranks creates none.
  Logger(LogLevel level, LogType type, std::string file);
  // `output` outlives the logger.
  Logger(LogLevel level, LogOutput& output);
  ~Logger();  // waits up to kPatience for what is queued
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  static constexpr Duration kPatience = std::chrono::seconds(1);
  // Until all lines so far are written; false if they were not in time.
  bool Flush(Duration patience = kPatience);

  bool Enabled(LogLevel level) const { return level <= level_ && level_ != LogLevel::kNone; }
  LogLevel level() const { return level_; }

  template <class... Args>
  void Fatal(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) {
    Log(LogLevel::kFatal, text.format, text.location, fmt::make_format_args(args...));
  }
  template <class... Args>
  void Error(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) {
    Log(LogLevel::kError, text.format, text.location, fmt::make_format_args(args...));
  }
  template <class... Args>
  void Warning(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) {
    Log(LogLevel::kWarning, text.format, text.location, fmt::make_format_args(args...));
  }
  template <class... Args>
  void Info(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) {
    Log(LogLevel::kInfo, text.format, text.location, fmt::make_format_args(args...));
  }
  template <class... Args>
  void Debug(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) {
    Log(LogLevel::kDebug, text.format, text.location, fmt::make_format_args(args...));
  }

 private:
  void Log(LogLevel level, fmt::string_view format, const std::source_location& where, fmt::format_args args) {
    if (Enabled(level)) Write(level, where, fmt::vformat(format, args));
  }
  void Write(LogLevel level, const std::source_location& where, const std::string& message);

  class Writer;
  const LogLevel level_;
  const std::shared_ptr<Writer> writer_;  // the thread holds it, too; null where lines go elsewhere
  LogOutput& output_;
};

}  // namespace copper

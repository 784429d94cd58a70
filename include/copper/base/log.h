// The log of one rank: `2026-03-27 23-33-58.082 [Info] (function) message`.
//
// A Logger is made by the daemon and passed down; there is no global one. Any thread.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <source_location>
#include <string>
#include <string_view>

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

class Logger {
 public:
  // `file` is created when its first line is written, so that a quiet job of thousands of ranks creates none.
  Logger(LogLevel level, LogType type, std::string file);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

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

  struct Sinks;
  const LogLevel level_;
  std::unique_ptr<Sinks> sinks_;
};

}  // namespace copper

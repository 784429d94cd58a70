#include "copper/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <mutex>
#include <utility>

namespace copper {
namespace {

// "void copper::app::Daemon::Run(int) const" -> "Run".
std::string_view FunctionName(std::string_view signature) {
  const size_t lambda = signature.find("::<lambda");
  if (lambda != std::string_view::npos) signature = signature.substr(0, lambda);
  signature = signature.substr(0, signature.find('('));
  const size_t name = signature.find_last_of(": ");
  return name == std::string_view::npos ? signature : signature.substr(name + 1);
}

std::string_view LevelName(LogLevel level) {
  static constexpr std::string_view kNames[] = {"None", "Fatal", "Error", "Warning", "Info", "Debug"};
  return kNames[static_cast<size_t>(level)];
}

std::string Timestamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H-%M-%S", &local);
  return fmt::format("{}.{:03}", std::string_view(text, length), now.tv_nsec / 1'000'000);
}

}  // namespace

// The sinks write whole lines; the file's opens with its first line, or with a later one where that fails (no
// descriptors left, no space).
struct Logger::Sinks {
  LogType type;
  std::string file_name;
  std::mutex mutex;
  spdlog::sink_ptr output;  // standard output
  spdlog::sink_ptr file;
  bool complained = false;

  void Open() {
    if (type != LogType::kFile && !output) output = Ready(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    if (type == LogType::kStdout || file) return;
    try {
      file = Ready(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file_name));
    } catch (const spdlog::spdlog_ex& failure) {
      if (std::exchange(complained, true)) return;
      std::fprintf(stderr, "copper: cannot write the log %s: %s\n", file_name.c_str(), failure.what());
    }
  }
  static spdlog::sink_ptr Ready(spdlog::sink_ptr sink) {
    sink->set_pattern("%v");
    return sink;
  }
};

Logger::Logger(LogLevel level, LogType type, std::string file) : level_(level), sinks_(std::make_unique<Sinks>()) {
  sinks_->type = type;
  sinks_->file_name = std::move(file);
}

Logger::~Logger() = default;

void Logger::Write(LogLevel level, const std::source_location& where, const std::string& message) {
  const std::string line =
      fmt::format("{} [{}] ({}) {}", Timestamp(), LevelName(level), FunctionName(where.function_name()), message);
  const std::lock_guard lock(sinks_->mutex);
  sinks_->Open();
  for (const spdlog::sink_ptr& sink : {sinks_->output, sinks_->file}) {
    if (!sink) continue;
    try {
      sink->log(spdlog::details::log_msg(spdlog::string_view_t(), spdlog::level::info, line));
      sink->flush();  // the last lines before a crash are the ones that matter
    } catch (const std::exception&) {
      // A full disk costs log lines, not the job.
    }
  }
}

}  // namespace copper

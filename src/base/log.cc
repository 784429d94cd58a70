#include "copper/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <deque>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "copper/base/mutex.h"
#include "copper/base/worker_pool.h"

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

// Where lines go. The file opens with the first one, or with a later one where that fails (no descriptors left, no
// space). The writer's thread alone.
class Sinks {
 public:
  Sinks(LogType type, std::string file) : type_(type), file_name_(std::move(file)) {}

  void Write(const std::string& line) {
    Open();
    for (const spdlog::sink_ptr& sink : {output_, file_}) {
      if (!sink) continue;
      try {
        sink->log(spdlog::details::log_msg(spdlog::string_view_t(), spdlog::level::info, line));
        sink->flush();  // the last lines before a crash are the ones that matter
      } catch (const std::exception&) {
        // A full disk costs log lines, not the job.
      }
    }
  }

 private:
  void Open() {
    if (type_ != LogType::kFile && !output_) output_ = Ready(std::make_shared<spdlog::sinks::stdout_sink_st>());
    if (type_ == LogType::kStdout || file_) return;
    try {
      // The library would make the directory, which somebody may have removed, or moved, while the job runs.
      if (access(std::filesystem::path(file_name_).parent_path().c_str(), F_OK) != 0)
        throw spdlog::spdlog_ex("its directory is gone");
      file_ = Ready(std::make_shared<spdlog::sinks::basic_file_sink_st>(file_name_));
    } catch (const spdlog::spdlog_ex& failure) {
      if (std::exchange(complained_, true)) return;
      std::fprintf(stderr, "copper: cannot write the log %s: %s\n", file_name_.c_str(), failure.what());
    }
  }
  static spdlog::sink_ptr Ready(spdlog::sink_ptr sink) {
    sink->set_pattern("%v");
    return sink;
  }

  const LogType type_;
  const std::string file_name_;
  spdlog::sink_ptr output_;  // standard output
  spdlog::sink_ptr file_;
  bool complained_ = false;
};

std::string Line(LogLevel level, std::string_view function, std::string_view message) {
  return fmt::format("{} [{}] ({}) {}", Timestamp(), LevelName(level), function, message);
}

// What the queue may hold: hours of an ordinary job's lines, and next to nothing of a node's memory.
constexpr size_t kMostBytes = size_t{1} << 20;

}  // namespace

class Logger::Writer final : public LogOutput, public std::enable_shared_from_this<Logger::Writer> {
 public:
  Writer(LogType type, std::string file) : sinks_(type, std::move(file)) {}

  void Add(LogLevel level, std::string_view function, const std::string& message) override {
    std::string line = Line(level, function, message);
    const MutexLock lock(mutex_);
    if (bytes_ + line.size() > kMostBytes) {
      ++lost_;
      return;
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    if (!thread_.joinable()) Start();
    changed_.NotifyAll();
  }

  bool Flush(Duration patience) override {
    const MutexLock lock(mutex_);
    return changed_.WaitFor(mutex_, patience, [this]() REQUIRES(mutex_) { return idle(); });
  }

  void Stop(Duration patience) {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
    if (!thread_.joinable()) return WriteLeft();
    const bool written = changed_.WaitFor(mutex_, patience, [this]() REQUIRES(mutex_) { return idle(); });
    std::thread thread = std::move(thread_);
    lock.Unlock();
    if (written) return thread.join();
    thread.detach();  // it hangs in a system call; what it needs it holds itself
  }

 private:
  bool idle() const REQUIRES(mutex_) { return lines_.empty() && lost_ == 0 && !writing_; }

  void Start() REQUIRES(mutex_) {
    try {
      thread_ = std::thread([self = shared_from_this()] { self->Run(); });
    } catch (const std::system_error&) {
      // The host allows no more threads now: tried again with the next line.
    }
  }

  void WriteLeft() REQUIRES(mutex_) {
    for (const std::string& line : std::exchange(lines_, {})) sinks_.Write(line);
  }

  void Run() {
    NameThread("copper-log");
    MutexLock lock(mutex_);
    while (true) {
      changed_.Wait(mutex_, [this]() REQUIRES(mutex_) { return ending_ || !idle(); });
      if (idle()) return;
      writing_ = true;
      const std::deque<std::string> batch = std::exchange(lines_, {});
      const size_t lost = std::exchange(lost_, 0);
      bytes_ = 0;
      lock.Unlock();
      for (const std::string& line : batch) sinks_.Write(line);
      if (lost > 0) {
        sinks_.Write(Line(LogLevel::kWarning, "Run",
                          fmt::format("{} lines were lost: they came faster than they could be "
                                      "written here",
                                      lost)));
      }
      lock.Lock();
      writing_ = false;
      changed_.NotifyAll();
    }
  }

  Mutex mutex_;  // leaf
  Condition changed_;
  std::deque<std::string> lines_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;  // of lines_
  size_t lost_ GUARDED_BY(mutex_) = 0;   // lines, since the last batch
  bool writing_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::thread thread_ GUARDED_BY(mutex_);
  Sinks sinks_;  // the thread's
};

Logger::Logger(LogLevel level, LogType type, std::string file)
    : level_(level), writer_(std::make_shared<Writer>(type, std::move(file))), output_(*writer_) {}

Logger::Logger(LogLevel level, LogOutput& output) : level_(level), output_(output) {}

Logger::~Logger() {
  if (writer_) writer_->Stop(kPatience);
}

bool Logger::Flush(Duration patience) {
  return output_.Flush(patience);
}

void Logger::Write(LogLevel level, const std::source_location& where, const std::string& message) {
  output_.Add(level, FunctionName(where.function_name()), message);
  if (level == LogLevel::kFatal) Flush(kPatience);
}

}  // namespace copper

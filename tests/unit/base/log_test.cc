#include "copper/base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "copper/base/files.h"
#include "copper/base/unique_fd.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

// The name of a function as it stands in a line, as a regex. clang 19 knows none for a default argument of a consteval
// constructor, and leaves it empty.
std::string Function(const std::string& name) {
#ifdef __clang__
  return "\\((" + name + ")?\\) ";
#else
  return "\\(" + name + "\\) ";
#endif
}

std::vector<std::string> Lines(const std::string& file) {
  std::vector<std::string> lines(1);
  const auto text = ReadWholeFile(file);
  for (const char c : text ? *text : std::string()) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  lines.pop_back();  // every line ends
  return lines;
}

constexpr auto kPatience = std::chrono::minutes(1);

struct Speaker {
  void Speak(Logger& log) const { log.Warning("from a member"); }
};

TEST(Log, LinesGoElsewhereWithoutAThread) {
  struct Kept final : LogOutput {
    void Add(LogLevel level, std::string_view, const std::string& message) override {
      lines.push_back(std::to_string(static_cast<int>(level)) + " " + message +
                      (by == std::this_thread::get_id() ? "" : " by another"));
    }
    std::thread::id by = std::this_thread::get_id();
    std::vector<std::string> lines;
  } kept;
  {
    Logger log(LogLevel::kWarning, kept);
    log.Warning("one {}", 1);
    log.Info("not this");
    log.Fatal("two");
    EXPECT_TRUE(log.Flush());
  }
  EXPECT_EQ((std::vector<std::string>{"3 one 1", "1 two"}), kept.lines);
}

TEST(Log, LinesHaveTimeLevelFunctionAndMessage) {
  const TemporaryDirectory directory;
  Logger log(LogLevel::kDebug, LogType::kFile, directory.At("log"));
  log.Info("user-facing log_level: {}", 4);
  log.Fatal("one");
  log.Error("two {} {}", "words", 2.5);
  Speaker().Speak(log);
  [&log] { log.Debug("from a lambda"); }();
  ASSERT_TRUE(log.Flush(kPatience));
  const auto lines = Lines(directory.At("log"));
  ASSERT_EQ(lines.size(), 5U);
  const std::string time = R"(^\d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.\d{3} )";
  const auto expect = [&](size_t line, const std::string& level, const std::string& function, const std::string& text) {
    const std::regex pattern(time + "\\[" + level + "\\] " + Function(function) + text + "$");
    EXPECT_TRUE(std::regex_match(lines[line], pattern)) << lines[line];
  };
  expect(0, "Info", "TestBody", "user-facing log_level: 4");
  expect(1, "Fatal", "TestBody", "one");
  expect(2, "Error", "TestBody", "two words 2\\.5");
  expect(3, "Warning", "Speak", "from a member");
  expect(4, "Debug", "\\S+", "from a lambda");
}

TEST(Log, TheFileIsMadeWithItsFirstLine) {
  const TemporaryDirectory directory;
  Logger log(LogLevel::kWarning, LogType::kFile, directory.At("log"));
  log.Info("too quiet");
  EXPECT_EQ(directory.entries(), 0U);
  EXPECT_FALSE(log.Enabled(LogLevel::kInfo));
  EXPECT_TRUE(log.Enabled(LogLevel::kWarning));
  log.Warning("loud enough");
  ASSERT_TRUE(log.Flush(kPatience));
  EXPECT_EQ(Lines(directory.At("log")).size(), 1U);
}

TEST(Log, LevelZeroWritesNothing) {
  const TemporaryDirectory directory;
  Logger log(LogLevel::kNone, LogType::kBoth, directory.At("log"));
  testing::internal::CaptureStdout();
  log.Fatal("unheard");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(directory.entries(), 0U);
  EXPECT_FALSE(log.Enabled(LogLevel::kNone));
}

TEST(Log, GoesToStdoutWhereAsked) {
  const TemporaryDirectory directory;
  testing::internal::CaptureStdout();
  {
    Logger only(LogLevel::kInfo, LogType::kStdout, directory.At("only"));
    only.Info("first");
    ASSERT_TRUE(only.Flush(kPatience));
    Logger both(LogLevel::kInfo, LogType::kBoth, directory.At("both"));
    both.Info("second");
  }
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(
      std::regex_search(out, std::regex(Function("TestBody") + "first\n.*" + Function("TestBody") + "second\n$")))
      << out;
  EXPECT_EQ(Lines(directory.At("both")).size(), 1U);
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(Log, LinesOfManyThreadsStayWhole) {
  const TemporaryDirectory directory;
  {
    Logger log(LogLevel::kInfo, LogType::kFile, directory.At("log"));
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 200; ++i) log.Info("{}", std::string(100, 'x'));
      });
    }
  }
  const auto lines = Lines(directory.At("log"));
  EXPECT_EQ(lines.size(), 800U);
  for (const std::string& line : lines) EXPECT_TRUE(line.ends_with(") " + std::string(100, 'x'))) << line;
}

TEST(Log, AnUnwritableFileCostsLinesNotTheJob) {
  testing::internal::CaptureStderr();
  Logger log(LogLevel::kInfo, LogType::kFile, "/proc/no/such/log");
  log.Info("lost");
  log.Info("lost too");
  ASSERT_TRUE(log.Flush(kPatience));
  const std::string complaint = testing::internal::GetCapturedStderr();
  EXPECT_NE(complaint.find("/proc/no/such/log"), std::string::npos);
  EXPECT_EQ(std::ranges::count(complaint, '\n'), 1) << complaint;
}

// A pipe that nobody reads stands for a disk that hangs.
class HangingLog : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0); }

  // What comes out when somebody reads at last.
  std::string Read() {
    const UniqueFd pipe(open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char piece[4096];
    for (ssize_t got = 0; (got = read(pipe.get(), piece, sizeof piece)) > 0;)
      text.append(piece, static_cast<size_t>(got));
    return text;
  }

  const TemporaryDirectory directory_;
  const std::string file_ = directory_.At("log");
};

TEST_F(HangingLog, NobodyWaitsAndWhatIsLostIsCounted) {
  constexpr int kLines = 4000;
  std::string text;
  std::thread reader;
  {
    Logger log(LogLevel::kInfo, LogType::kFile, file_);
    for (int i = 0; i < kLines; ++i)
      log.Info("{}", std::string(1000, 'x'));  // returns: four times what the queue holds
    EXPECT_FALSE(log.Flush(std::chrono::milliseconds(10)));
    reader = std::thread([&] { text = Read(); });
    EXPECT_TRUE(log.Flush(kPatience));
  }
  reader.join();
  int written = 0;
  int lost = 0;
  std::istringstream lines(text);
  const std::regex said(R"(\) (\d+) lines were lost: )");
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    const bool is_said = std::regex_search(line, found, said);
    written += is_said ? 0 : 1;
    lost += is_said ? std::stoi(found[1]) : 0;
  }
  EXPECT_GT(written, 500);
  EXPECT_GT(lost, 0);
  EXPECT_EQ(written + lost, kLines);
}

TEST_F(HangingLog, TheEndDoesNotWaitForIt) {
  const TimePoint before = std::chrono::steady_clock::now();
  {
    Logger log(LogLevel::kInfo, LogType::kFile, file_);
    log.Fatal("waits a moment, but not for ever");
  }
  EXPECT_GE(std::chrono::steady_clock::now() - before, 2 * Logger::kPatience);
  const std::string text = Read();  // the thread that was left behind goes on
  EXPECT_NE(text.find("but not for ever"), std::string::npos);
}

TEST(Log, AFatalLineIsThereAtOnce) {
  const TemporaryDirectory directory;
  Logger log(LogLevel::kInfo, LogType::kFile, directory.At("log"));
  log.Fatal("the last one");
  EXPECT_EQ(Lines(directory.At("log")).size(), 1U);
}

}  // namespace
}  // namespace copper

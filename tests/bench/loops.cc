// One system call sequence in a loop for some seconds; prints operations (of `read`: bytes) per second.
//   loops stat FILE SECONDS    loops absent DIR SECONDS    loops open FILE SECONDS    loops read FILE
//   loops requests FILE SECONDS: in turn a direct read of 4 KiB of FILE, and a look at a name beside it that nobody has
//   looked at before and that is not there: what the kernel always asks the file system for. FILE has 16 KiB or more
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kAbsentNames = 100;
constexpr int kBatch = 1000;  // operations between two looks at the clock

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "loops: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void StatOnce(const std::string& path) {
  struct stat attributes{};
  if (stat(path.c_str(), &attributes) != 0) Fail(path.c_str());
}

void MissOnce(const std::string& path) {
  struct stat attributes{};
  if (stat(path.c_str(), &attributes) == 0) errno = EEXIST;
  if (errno != ENOENT) Fail(path.c_str());
}

void OpenReadClose(const std::string& path) {
  std::array<char, 4096> buffer;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail(path.c_str());
  if (read(fd, buffer.data(), buffer.size()) != static_cast<ssize_t>(buffer.size())) Fail(path.c_str());
  close(fd);
}

// Reads in even turns, looks in odd ones.
class Requests {
 public:
  explicit Requests(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)),
        beside_(path.substr(0, path.rfind('/')) + "/absent-" + std::to_string(getpid()) + "-") {
    if (fd_ < 0) Fail(path.c_str());
  }
  ~Requests() { close(fd_); }
  Requests(const Requests&) = delete;

  void operator()() {
    const long turn = turn_++;
    if (turn % 2 != 0) return MissOnce(beside_ + std::to_string(turn));
    const off_t offset = turn / 2 % 4 * static_cast<off_t>(page_.size());
    if (pread(fd_, page_.data(), page_.size(), offset) != static_cast<ssize_t>(page_.size())) Fail("pread");
  }

 private:
  const int fd_;
  const std::string beside_;
  long turn_ = 0;
  alignas(4096) std::array<char, 4096> page_;
};

// Calls operation(0), operation(1), ... until the time is over.
double PerSecond(double seconds, const std::function<void(int)>& operation) {
  for (int i = 0; i < kBatch; ++i) operation(i);  // the caches are warm from here on
  const auto start = Clock::now();
  long done = 0;
  while (SecondsSince(start) < seconds) {
    for (int i = 0; i < kBatch; ++i) operation(i);
    done += kBatch;
  }
  return static_cast<double>(done) / SecondsSince(start);
}

std::vector<std::string> AbsentNames(const std::string& directory) {
  std::vector<std::string> names;
  for (int i = 0; i < kAbsentNames; ++i) names.push_back(directory + "/absent-" + std::to_string(i));
  return names;
}

double ReadWhole(const std::string& path) {
  std::vector<char> buffer(1U << 20);
  const auto start = Clock::now();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail(path.c_str());
  double total = 0;
  ssize_t got = 0;
  while ((got = read(fd, buffer.data(), buffer.size())) > 0) total += static_cast<double>(got);
  if (got < 0) Fail(path.c_str());
  struct stat attributes{};
  if (fstat(fd, &attributes) != 0 || static_cast<double>(attributes.st_size) != total) Fail("short file");
  close(fd);
  return total / SecondsSince(start);
}

double Measure(const std::string& mode, const std::string& path, double seconds) {
  if (mode == "read") return ReadWhole(path);
  if (mode == "stat") return PerSecond(seconds, [&](int) { StatOnce(path); });
  if (mode == "open") return PerSecond(seconds, [&](int) { OpenReadClose(path); });
  if (mode == "requests") {
    Requests requests(path);
    return PerSecond(seconds, [&](int) { requests(); });
  }
  const auto names = AbsentNames(path);
  return PerSecond(seconds, [&](int i) { MissOnce(names[static_cast<size_t>(i % kAbsentNames)]); });
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const bool timed = mode == "stat" || mode == "absent" || mode == "open" || mode == "requests";
  if (arguments.size() != (timed ? 3U : 2U) || (!timed && mode != "read")) {
    std::fprintf(stderr, "usage: loops stat|absent|open|requests PATH SECONDS, or loops read FILE\n");
    return 2;
  }
  std::printf("%.0f\n", Measure(mode, arguments[1], timed ? std::atof(arguments[2].c_str()) : 0));
  return 0;
}

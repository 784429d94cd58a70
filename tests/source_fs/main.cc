// A source that misbehaves as a test says: a directory, mounted read-only at one or more places.
//
//   test_source [OPTION...] SOURCE MOUNT...     prints "ready" once mounted
//
// Commands come on stdin, one a line, and each is answered by one line on stdout:
//   fault OPERATION KIND VALUE TIMES PATTERN   OPERATION as in operation.h, or any; KIND error (VALUE: errno), short
//   (of a
//                                              read: bytes at most), delay (milliseconds) or hang; TIMES -1: for ever
//   clear                                      no more faults; what hangs goes on
//   renumber                                   every file has another inode number from now on
//   counters                                   as JSON
//   reset                                      counters to 0
//   dump FILE                                  every object with how often it was asked for
// It unmounts and ends when stdin does, and on SIGTERM and SIGINT.
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "mount.h"
#include "server.h"

namespace copper::source_fs {
namespace {

constexpr const char* kUsage =
    "usage: test_source [--latency-us N] [--read-latency-us N] [--at-once N] [--bytes-per-second N]\n"
    "                   [--cache-seconds S] SOURCE MOUNT...\n";

struct Arguments {
  Limits limits;
  double cache_seconds = 0;
  std::string source;
  std::vector<std::string> mounts;
};

bool ParseArguments(int argc, char** argv, Arguments& arguments) {
  constexpr std::array kOptions = {option{"latency-us", required_argument, nullptr, 'l'},
                                   option{"read-latency-us", required_argument, nullptr, 'r'},
                                   option{"at-once", required_argument, nullptr, 'n'},
                                   option{"bytes-per-second", required_argument, nullptr, 'b'},
                                   option{"cache-seconds", required_argument, nullptr, 'c'},
                                   option{}};
  for (int found = 0; (found = getopt_long(argc, argv, "", kOptions.data(), nullptr)) != -1;) {
    if (found == '?') return false;
    const double value = std::atof(optarg);
    if (found == 'l') arguments.limits.latency = std::chrono::microseconds(static_cast<int64_t>(value));
    if (found == 'r') arguments.limits.read_latency = std::chrono::microseconds(static_cast<int64_t>(value));
    if (found == 'n') arguments.limits.at_once = static_cast<int>(value);
    if (found == 'b') arguments.limits.bytes_per_second = static_cast<uint64_t>(value);
    if (found == 'c') arguments.cache_seconds = value;
  }
  if (argc - optind < 2) return false;
  arguments.source = argv[optind];
  arguments.mounts.assign(argv + optind + 1, argv + argc);
  return true;
}

std::optional<Fault::Kind> KindNamed(const std::string& name) {
  constexpr std::array<std::string_view, 4> kKinds = {"error", "short", "delay", "hang"};
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (name == kKinds[i]) return static_cast<Fault::Kind>(i);
  }
  return std::nullopt;
}

std::string AddFault(std::istream& words, Faults& faults) {
  std::string operation, kind;
  Fault fault;
  words >> operation >> kind >> fault.value >> fault.times >> std::ws;
  std::getline(words, fault.pattern);
  fault.operation = OperationNamed(operation);
  const auto found = KindNamed(kind);
  if (words.fail() || !found || (!fault.operation && operation != "any")) return "no such fault";
  fault.kind = *found;
  faults.Add(std::move(fault));
  return "ok";
}

std::string Answer(const std::string& line, Server& server) {
  std::istringstream words(line);
  std::string verb, file;
  words >> verb;
  if (verb == "fault") return AddFault(words, server.faults());
  if (verb == "clear") return server.faults().Clear(), "ok";
  if (verb == "renumber") return server.Renumber(), "ok";
  if (verb == "counters") return server.counters().Json(server.faults().hanging());
  if (verb == "reset") return server.counters().Reset(), "ok";
  if (verb == "dump" && words >> file) return server.counters().Dump(file) ? "ok" : "cannot write " + file;
  return "no such command";
}

// Answers the complete lines that have come.
void AnswerLines(std::string& input, Server& server) {
  for (size_t end = 0; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
    std::cout << Answer(input.substr(0, end), server) << std::endl;
  }
}

void Obey(Server& server, int signals) {
  std::string input;
  std::array<pollfd, 2> waited = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
  while (poll(waited.data(), waited.size(), -1) > 0 && waited[1].revents == 0) {
    char buffer[4096];
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) return;
    input.append(buffer, static_cast<size_t>(got));
    AnswerLines(input, server);
  }
}

// Before any thread exists, so that all have them blocked.
int SignalsToEnd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

// Every file that is open through a mount is open here.
void AllowManyFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const Arguments& arguments) {
  const int signals = SignalsToEnd();
  AllowManyFiles();
  const int source = open(arguments.source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (source < 0) return std::perror(arguments.source.c_str()), 1;
  Server server(arguments.limits);
  std::vector<std::unique_ptr<Mount>> mounts;
  for (const std::string& point : arguments.mounts) {
    mounts.push_back(Mount::Make({source, point, arguments.cache_seconds}, server));
    if (!mounts.back()) return 1;
  }
  std::cout << "ready" << std::endl;
  Obey(server, signals);
  mounts.clear();
  std::_Exit(0);  // threads of libfuse still wait for requests
}

}  // namespace
}  // namespace copper::source_fs

int main(int argc, char** argv) {
  copper::source_fs::Arguments arguments;
  if (!copper::source_fs::ParseArguments(argc, argv, arguments)) {
    std::fputs(copper::source_fs::kUsage, stderr);
    return 2;
  }
  return copper::source_fs::Run(arguments);
}

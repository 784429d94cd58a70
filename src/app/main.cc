// cu_fuse: one rank of a Copper job.

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>

#include "app/checks.h"
#include "app/daemon.h"
#include "app/main_loop.h"
#include "app/mpi_guard.h"
#include "app/options.h"
#include "app/supervisor.h"
#include "copper/base/memory_bounds.h"
#include "copper/base/open_files_limit.h"
#include "copper/bootstrap/mpi_world.h"
#include "copper/jobdir/job_record.h"
#include "copper/jobdir/uncaught.h"

namespace copper::app {
namespace {

constexpr int kFailed = 2;
// Even the slowest of thousands of ranks is up by then, or never.
constexpr auto kStartTimeout = std::chrono::minutes(5);
// What is left is to free memory, and what libraries do at exit(3).
constexpr auto kExits = std::chrono::seconds(30);

// One message for the whole job, where a person sees it and where `copper wait` finds it.
int Refuse(const std::string& message, bool is_first, const JobRecord* record) {
  if (!is_first) return kFailed;
  std::fprintf(stderr, "cu_fuse: %s\n", message.c_str());
  // What can't be written has been printed.
  if (record != nullptr) [[maybe_unused]]
    const Status recorded = record->Exit(kFailed, message);
  return kFailed;
}

// Of this rank alone, before the ranks can agree on anything.
int RefuseAlone(const std::string& message, bool is_first, const JobRecord& record) {
  record.Reason("cannot start: " + message);
  return Refuse(message, is_first, &record);
}

// Up to where every rank serves; null where that failed, with `status` to leave with.
std::unique_ptr<Daemon> StartDaemon(const Options& options, JobRecord& record, bool is_first, TimePoint started,
                                    const Supervisor& supervisor) try {
  // Before threads, MPI and the fabric: nothing may fork later.
  using Left = mount::Mounter::Left;
  Result<mount::Mounter> mounter = mount::Mounter::Fork([&record, parent = getppid()](pid_t daemon, Left left) {
    if (left != Left::kNothing) record.MakeNothing();
    if (left == Left::kNoMountAnyMore) record.Unmounted(daemon);
    if (AwaitEnd(parent, daemon)) record.Death(daemon, 0);
  });
  if (!mounter) return RefuseAlone(mounter.error().Describe(), is_first, record), nullptr;
  const MpiGuard guard(
      kStartTimeout, MpiGuard::kAfterDeath, MpiGuard::WhenTold::kEnds, kFailed,
      [&](const std::string& reason) { RefuseAlone("the start was broken off: " + reason, is_first, record); });
  Result<std::unique_ptr<bootstrap::World>> world = bootstrap::MpiWorld::Init(bootstrap::ReadLauncherEnvironment());
  if (!world) return RefuseAlone(world.error().Describe(), is_first, record), nullptr;
  auto daemon = std::make_unique<Daemon>(
      options, record, std::move(*mounter), std::move(*world), started,
      [&supervisor](int status, Duration longest) { supervisor.TellLeaving(status, longest); });
  const Status up = daemon->Start([&supervisor] { supervisor.TellServing(); });
  if (up) return daemon;
  const int status = Refuse(up.error().Describe(), daemon->IsFirst(), &record);
  if (daemon->IsHeld()) daemon.release()->EndHeld(status);
  return nullptr;
} catch (const std::exception& failure) {  // of the standard library: no memory, no thread
  RefuseAlone(std::string(failure.what()) + ": no more memory or threads are to be had (ulimit -v, -d, -u)", is_first,
              record);
  return nullptr;
}

// A terminate handler is given nothing.
std::atomic<const Uncaught*> uncaught{nullptr};

// Ends the process by it as long as it lives.
class SaysWhyUncaught {
 public:
  explicit SaysWhyUncaught(const JobRecord& record) : how_(record) {
    uncaught = &how_;
    std::set_terminate([] { uncaught.load()->End(); });
  }
  ~SaysWhyUncaught() { std::set_terminate(std::abort); }
  SaysWhyUncaught(const SaysWhyUncaught&) = delete;

 private:
  const Uncaught how_;
};

int RunJob(const Options& options, const bootstrap::LauncherView& launcher, TimePoint started) {
  JobRecord record(JobDirectory(options.job_directory), ShortHost(), launcher.rank.value_or(0));
  rlimit mapped{};
  const bool is_known = getrlimit(RLIMIT_AS, &mapped) == 0;
  const Status fits = CheckAddressSpace(is_known ? mapped.rlim_cur : RLIM_INFINITY);
  if (!fits) return RefuseAlone(fits.error().Describe(), launcher.IsFirst(), record);
  const Status enough = CheckOpenFiles(options, launcher.size.value_or(1), RaiseOpenFilesLimit(), /*at_once=*/true);
  if (!enough) return RefuseAlone(enough.error().Describe(), launcher.IsFirst(), record);
  const Result<Supervisor> supervisor = Supervisor::Fork(
      {.has_launcher = launcher.size.has_value(), .on_death = [&](pid_t daemon, int signal, bool served) {
         if (served) record.MakeNothing();
         if (signal != 0) return record.Death(daemon, signal);
         record.Remains(daemon);
       }});
  if (!supervisor) return RefuseAlone(supervisor.error().Describe(), launcher.IsFirst(), record);
  const SaysWhyUncaught says_why(record);
  std::unique_ptr<Daemon> daemon = StartDaemon(options, record, launcher.IsFirst(), started, *supervisor);
  if (!daemon) return kFailed;
  LetCrashesEndBySignal();
  const Daemon::Outcome outcome = daemon->Serve();
  if (daemon->IsHeld()) daemon.release()->EndHeld(outcome.status);
  supervisor->TellLeaving(outcome.status, kExits);
  daemon.reset();
  // MPI's own last acts may wait for the lost.
  if (!outcome.whole) _exit(outcome.status);
  return outcome.status;
}

int RefuseOptions(const std::string& message, const bootstrap::LauncherView& launcher,
                  const std::vector<std::string>& arguments) {
  const std::optional<std::string> directory = FindJobDirectory(arguments);
  if (!directory) return Refuse(message, launcher.IsFirst(), nullptr);
  const JobRecord record(JobDirectory(*directory), ShortHost(), 0);
  return Refuse(message, launcher.IsFirst(), &record);
}

int Main(const std::vector<std::string>& arguments) {
  const TimePoint started = SteadyClock().Now();
  BoundFreeMemory();
  BoundAddressSpace();
  TakeSignals();
  const bootstrap::LauncherView launcher = bootstrap::ReadLauncherEnvironment();
  const Result<Command> command = ParseOptions(arguments);
  if (!command) return RefuseOptions(command.error().Describe(), launcher, arguments);
  if (command->print.empty()) return RunJob(command->options, launcher, started);
  if (launcher.IsFirst()) std::fputs(command->print.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace copper::app

#ifdef COPPER_OWN_FOPEN
// Libraries call this one, too. libfabric's verbs provider reads the list of all symbols of the kernel twice when it is
// first asked for anything (1.17, whatever FI_PROVIDER says), to know about memory of GPUs, which Copper never sends:
// 90 ms of CPU, half of what it takes a rank to come up. Without the list it takes it that there is no such memory.
extern "C" FILE* fopen(const char* path, const char* mode) {
  using Open = FILE* (*)(const char*, const char*);
  static const auto kNext = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "fopen"));
  if (std::string_view(path) != "/proc/kallsyms") return kNext(path, mode);
  errno = ENOENT;
  return nullptr;
}
#endif

int main(int argc, char** argv) {
  try {
    return copper::app::Main({argv + 1, argv + argc});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "cu_fuse: %s\n", failure.what());
    return copper::app::kFailed;
  }
}

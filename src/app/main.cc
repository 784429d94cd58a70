// cu_fuse: one rank of a Copper job.

#include <cstdio>
#include <exception>
#include <optional>

#include "app/daemon.h"
#include "app/job_lock.h"
#include "app/main_loop.h"
#include "app/options.h"

namespace copper::app {
namespace {

constexpr int kFailed = 2;

// One message for the whole job, where a person sees it and where `copper wait` finds it.
int Refuse(const std::string& message, bool is_first, const std::optional<std::string>& job_directory) {
  if (!is_first) return kFailed;
  std::fprintf(stderr, "cu_fuse: %s\n", message.c_str());
  if (job_directory) RecordFailedStart(JobDirectory(*job_directory), kFailed, message);
  return kFailed;
}

int RunJob(const Options& options, const bootstrap::LauncherView& launcher, TimePoint started) {
  // Before threads, MPI and the fabric: nothing may fork later.
  Result<fuse::Mounter> mounter = fuse::Mounter::Fork();
  if (!mounter) return Refuse(mounter.error().Describe(), launcher.IsFirst(), options.job_directory);
  Result<bootstrap::World> world = bootstrap::World::Init(launcher);
  if (!world) return Refuse(world.error().Describe(), launcher.IsFirst(), options.job_directory);
  auto daemon = std::make_unique<Daemon>(options, std::move(*mounter), std::move(*world), started);
  if (const Status up = daemon->Start(); !up) {
    const bool is_first = daemon->IsFirst();
    daemon.reset();
    return Refuse(up.error().Describe(), is_first, options.job_directory);
  }
  return daemon->Serve().status;
}

int Main(const std::vector<std::string>& arguments) {
  const TimePoint started = SteadyClock().Now();
  TakeSignals();
  const bootstrap::LauncherView launcher = bootstrap::ReadLauncherEnvironment();
  const Result<Command> command = ParseOptions(arguments);
  if (!command) return Refuse(command.error().Describe(), launcher.IsFirst(), FindJobDirectory(arguments));
  if (command->print.empty()) return RunJob(command->options, launcher, started);
  if (launcher.IsFirst()) std::fputs(command->print.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace copper::app

int main(int argc, char** argv) {
  try {
    return copper::app::Main({argv + 1, argv + argc});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "cu_fuse: %s\n", failure.what());
    return copper::app::kFailed;
  }
}

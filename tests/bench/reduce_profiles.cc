// What the reduction of profiles costs by itself: each rank makes so many paths (all ranks the same, or each its own),
// they are reduced over MPI, and rank 0 writes the file and prints the seconds and its memory, as JSON.
//
//   mpiexec -n 4 reduce_profiles 250000 distinct FILE
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/bootstrap/mpi_world.h"
#include "copper/bootstrap/world_reducer.h"
#include "copper/profile/profile_file.h"

namespace copper {
namespace {

using Seconds = std::chrono::duration<double>;

profile::Profile MakeProfile(Rank rank, uint32_t ranks, uint64_t paths, bool distinct) {
  profile::Profile made{.tag = "final", .target = "/", .job_ranks = ranks, .metrics = true, .paths_full = true};
  made.ranks.push_back({.rank = rank, .host = fmt::format("node{:05}", rank)});
  for (uint64_t i = 0; i < paths; ++i) {
    // Of 100 bytes, some hundred to a directory.
    const uint64_t number = distinct ? i * ranks + rank : i;
    const std::string path =
        fmt::format("/opt/environments/production/lib/python3.11/site-packages/package_{:08}/{:02}/module_{:09}.py",
                    number / 10'000, number / 100 % 100, number);
    made.paths.Append(path, {profile::PathKind::kFile, 1 + number % 7, number % 3, 1, 0, 0, number % 50'000});
  }
  return made;
}

int Run(uint64_t paths, bool distinct, const std::string& file) {
  const Result<std::unique_ptr<bootstrap::World>> made =
      bootstrap::MpiWorld::Init(bootstrap::ReadLauncherEnvironment());
  if (!made) return 2;
  bootstrap::World& world = **made;
  std::optional<profile::Profile> profile = MakeProfile(world.rank(), world.size(), paths, distinct);
  const SteadyClock clock;
  if (!world.Barrier(clock.Now() + std::chrono::minutes(1))) return 2;
  const TimePoint begin = clock.Now();
  if (!bootstrap::WorldReducer(world).Reduce(profile, begin + std::chrono::minutes(2))) return 1;
  const TimePoint reduced = clock.Now();
  if (!profile) return 0;
  if (!profile::WriteProfile(file, *profile)) return 1;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  struct stat written{};
  stat(file.c_str(), &written);
  fmt::print(R"({{"rows": {}, "reduce_s": {:.3f}, "write_s": {:.3f}, "peak_mb": {}, "file_mb": {:.1f}}})"
             "\n",
             profile->paths.rows(), Seconds(reduced - begin).count(), Seconds(clock.Now() - reduced).count(),
             used.ru_maxrss / 1024, static_cast<double>(written.st_size) / 1e6);
  return 0;
}

}  // namespace
}  // namespace copper

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return copper::Run(std::strtoull(argv[1], nullptr, 10), std::string(argv[2]) == "distinct", argv[3]);
}

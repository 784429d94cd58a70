// MPI, the only place that names it: used by the main thread alone.
//
// It waits with growing pauses instead of spinning: where ranks outnumber cores, a rank that spins keeps the one it
// waits for from running.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "copper/bootstrap/launcher.h"
#include "copper/bootstrap/world.h"

namespace copper::bootstrap {

class MpiWorld final : public World {
 public:
  // MPI_Init, once in a process. EINVAL if this world does not fit the launcher's view (every process believes that it
  // is rank 0 of 1).
  static Result<std::unique_ptr<World>> Init(const LauncherView& launcher);
  ~MpiWorld() override;  // finalizes, unless Abandon was called

  std::vector<std::string> AllGather(const std::string& mine) override;
  std::string Broadcast(Rank root, const std::string& from_root) override;
  uint32_t Least(uint32_t mine) override;
  Status Barrier(TimePoint deadline) override;
  Status Send(Rank to, const Bytes& message, TimePoint deadline) override;
  Result<Bytes> Receive(Rank from, size_t most, TimePoint deadline) override;
  void Abandon() override { active_ = false; }
  void Finalize() override;

 private:
  using World::World;

  bool active_ = true;
  std::vector<Bytes> abandoned_;  // MPI may still read it
};

}  // namespace copper::bootstrap

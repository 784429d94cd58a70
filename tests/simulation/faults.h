// What goes wrong in a run, drawn from its seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/event_queue.h"
#include "simulation/fabric.h"
#include "simulation/random.h"
#include "simulation/source.h"

namespace copper::simulation {

enum class Fault : uint8_t { kKill, kFreeze, kSlow, kDelay, kReset, kStall, kError, kReplace, kCount };
std::string_view Name(Fault fault);
// "kill", "freeze", ... separated by commas, or "all".
std::optional<std::vector<Fault>> ParseFaults(std::string_view names);

class Faults {
 public:
  struct World {
    EventQueue& queue;
    SimulatedFabric& fabric;
    SourceServer& source;
    FileTree& tree;
    std::vector<Host*> hosts;
    std::function<void(Rank)> on_killed;
  };
  struct Options {
    std::vector<Fault> kinds;
    uint32_t count = 0;
    Duration within = seconds(2);  // the last one begins by then
  };

  Faults(const Options& options, World world, uint64_t seed);

  // How often a rank could not answer, or not be reached: each may cost those who wait a detour.
  uint32_t losses() const { return losses_; }
  // What all of these together may keep others waiting.
  Duration holdups() const { return holdups_; }
  // When all that passes by itself has passed.
  TimePoint over_at() const { return over_at_; }
  const std::vector<std::string>& told() const { return told_; }  // a line each, as they happened

 private:
  void Schedule(Fault fault, Duration within);
  void Begin(Fault fault);
  Host& AnyHost() { return *world_.hosts[random_.Below(world_.hosts.size())]; }
  void Kill();
  void Freeze();
  void Slow();
  void Delay();
  void Reset();
  void Stall();
  void Error();
  void Replace();
  void Later(Duration time, Work work);
  void Tell(Fault fault, const std::string& what);

  World world_;
  Random random_;
  uint32_t losses_ = 0;
  uint32_t killed_ = 0;
  Duration holdups_{};
  TimePoint over_at_{};
  std::vector<std::string> told_;
};

}  // namespace copper::simulation

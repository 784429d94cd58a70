// Ranks of a world in memory, each in a thread.
#pragma once

#include <thread>
#include <vector>

#include "copper/bootstrap/world.h"
#include "fakes/memory_world.h"

namespace copper::bootstrap {

template <class Body>
void InThreads(uint32_t ranks, Body body) {
  ThreadWakeups wakeups;
  fakes::MemoryWorlds worlds(ranks);
  std::vector<std::jthread> threads;
  for (Rank rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, world = worlds.Join(rank, wakeups)] { body(*world); });
  }
}

}  // namespace copper::bootstrap

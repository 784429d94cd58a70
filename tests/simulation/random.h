// Numbers that a seed decides, the same in every build: no distribution of the standard library's, whose results differ
// between libraries. splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#pragma once

#include <cmath>
#include <cstdint>

#include "copper/base/clock.h"
#include "copper/base/hash.h"

namespace copper::simulation {

class Random {
 public:
  // Each `stream` of a seed is a sequence of its own, so that what one part draws changes nothing for another.
  Random(uint64_t seed, uint64_t stream) : state_(Hash(seed, stream)) {}

  uint64_t Next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }
  // Of [0, below); 0 for below 0.
  uint64_t Below(uint64_t below) { return below == 0 ? 0 : Next() % below; }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }  // of [0, 1)
  bool Happens(double probability) { return Unit() < probability; }
  Duration Between(Duration from, Duration to) {
    return from + Duration(static_cast<Duration::rep>(Unit() * static_cast<double>((to - from).count())));
  }
  // With this mean: how long one waits for what happens at random.
  Duration Exponential(Duration mean) {
    return Duration(static_cast<Duration::rep>(-std::log1p(-Unit()) * static_cast<double>(mean.count())));
  }

 private:
  uint64_t state_;
};

}  // namespace copper::simulation

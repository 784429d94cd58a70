#include "simulation/checks.h"

#include <fmt/format.h>

#include <array>

namespace copper::simulation {

std::string_view Name(Check check) {
  static constexpr std::array<std::string_view, static_cast<size_t>(Check::kCount)> kNames = {
      "bytes", "once", "source-ops", "forgotten", "late",      "errors",   "budget",
      "peers", "left", "end",        "status",    "reduction", "deputies", "start"};
  return kNames[static_cast<size_t>(check)];
}

void Checks::Fail(Check check, const std::string& what) {
  Failure& failure = failures_[check];
  if (failure.times++ > 0) return;
  failure.when = queue_.SinceStart();
  failure.first = what;
}

std::vector<std::string> Checks::Describe() const {
  std::vector<std::string> lines;
  for (const auto& [check, failure] : failures_) {
    const double when = std::chrono::duration<double>(failure.when).count();
    lines.push_back(fmt::format("{}: {} (at {:.6f} s{})", Name(check), failure.first, when,
                                failure.times == 1 ? "" : fmt::format("; {} times in all", failure.times)));
  }
  return lines;
}

}  // namespace copper::simulation

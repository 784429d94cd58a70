#include "simulation/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace copper::simulation {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Fault::kCount)> kNames = {
    "kill", "freeze", "slow", "delay", "reset", "stall", "error", "replace"};

double Seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string_view Name(Fault fault) {
  return kNames[static_cast<size_t>(fault)];
}

std::optional<std::vector<Fault>> ParseFaults(std::string_view names) {
  std::vector<Fault> faults;
  if (names == "all") {
    for (size_t number = 0; number < kNames.size(); ++number) faults.push_back(static_cast<Fault>(number));
    return faults;
  }
  while (true) {
    const size_t comma = std::min(names.find(','), names.size());
    const auto found = std::ranges::find(kNames, names.substr(0, comma));
    if (found == kNames.end()) return std::nullopt;
    faults.push_back(static_cast<Fault>(found - kNames.begin()));
    if (comma == names.size()) return faults;
    names.remove_prefix(comma + 1);
  }
}

Faults::Faults(const Options& options, World world, uint64_t seed) : world_(std::move(world)), random_(seed, 4) {
  if (options.kinds.empty()) return;
  for (uint32_t number = 0; number < options.count; ++number) {
    Schedule(options.kinds[random_.Below(options.kinds.size())], options.within);
  }
}

void Faults::Schedule(Fault fault, Duration within) {
  const TimePoint when = world_.queue.Now() + random_.Between({}, within);
  over_at_ = std::max(over_at_, when);
  world_.queue.AtOutside(when, What::kFault, static_cast<uint32_t>(fault), [this, fault] { Begin(fault); });
}

void Faults::Begin(Fault fault) {
  switch (fault) {
    case Fault::kKill:
      return Kill();
    case Fault::kFreeze:
      return Freeze();
    case Fault::kSlow:
      return Slow();
    case Fault::kDelay:
      return Delay();
    case Fault::kReset:
      return Reset();
    case Fault::kStall:
      return Stall();
    case Fault::kError:
      return Error();
    case Fault::kReplace:
      return Replace();
    case Fault::kCount:
      break;
  }
}

void Faults::Later(Duration time, Work work) {
  over_at_ = std::max(over_at_, world_.queue.Now() + time);
  world_.queue.AtOutside(world_.queue.Now() + time, What::kFault, UINT32_MAX, std::move(work));
}

void Faults::Tell(Fault fault, const std::string& what) {
  told_.push_back(fmt::format("{:.6f} s: {} {}", Seconds(world_.queue.SinceStart()), Name(fault), what));
}

// A quarter of the ranks at most, so that there is a job left.
void Faults::Kill() {
  Host& host = AnyHost();
  if (host.is_dead() || (killed_ + 1) * 4 > world_.hosts.size()) return;
  world_.fabric.SetDeadRefuse(random_.Happens(0.5));
  world_.queue.Kill(host);
  ++killed_;
  ++losses_;
  Tell(Fault::kKill, fmt::format("rank {}", host.rank()));
  world_.on_killed(host.rank());
}

void Faults::Freeze() {
  Host& host = AnyHost();
  if (!host.runs()) return;
  const Duration time = random_.Between(milliseconds(100), seconds(8));
  world_.queue.Freeze(host);
  ++losses_;
  holdups_ += time;
  Tell(Fault::kFreeze, fmt::format("rank {} for {:.3f} s", host.rank(), Seconds(time)));
  Later(time, [this, &host] { world_.queue.Thaw(host); });
}

void Faults::Slow() {
  Host& host = AnyHost();
  host.SetSlowness(2 + 8 * random_.Unit());
  Tell(Fault::kSlow, fmt::format("rank {} by {:.1f}", host.rank(), host.slowness()));
  Later(random_.Between(seconds(1), seconds(5)), [&host] { host.SetSlowness(1); });
}

void Faults::Delay() {
  Host& host = AnyHost();
  const Duration by = random_.Between(milliseconds(1), milliseconds(1500));
  const Duration time = random_.Between(milliseconds(100), seconds(3));
  world_.fabric.Delay(host.rank(), by);
  ++losses_;
  holdups_ += time + by;
  Tell(Fault::kDelay, fmt::format("rank {} by {:.3f} s for {:.3f} s", host.rank(), Seconds(by), Seconds(time)));
  Later(time, [this, &host] { world_.fabric.Delay(host.rank(), {}); });
}

void Faults::Reset() {
  const Rank one = AnyHost().rank(), other = AnyHost().rank();
  if (one == other) return;
  const Duration time = random_.Between(milliseconds(10), seconds(2));
  world_.fabric.Reset(one, other, world_.queue.Now() + time);
  ++losses_;
  holdups_ += time;
  Tell(Fault::kReset, fmt::format("between {} and {} for {:.3f} s", one, other, Seconds(time)));
  Later(time, [] {});
}

void Faults::Stall() {
  const Duration time = random_.Between(milliseconds(100), seconds(15));
  world_.source.StallUntil(world_.queue.Now() + time);
  holdups_ += time;
  Tell(Fault::kStall, fmt::format("for {:.3f} s", Seconds(time)));
  Later(time, [] {});
}

void Faults::Error() {
  const std::vector<NameId>& files = world_.tree.files();
  if (files.empty()) return;
  const NameId file = files[random_.Below(files.size())];
  world_.source.FailNext(file, static_cast<int>(1 + random_.Below(3)));
  Tell(Fault::kError, world_.tree.PathOf(file));
}

void Faults::Replace() {
  const std::vector<NameId>& files = world_.tree.files();
  if (files.empty()) return;
  const NameId file = files[random_.Below(files.size())];
  world_.tree.Replace(file);
  Tell(Fault::kReplace, world_.tree.PathOf(file));
}

}  // namespace copper::simulation

#include "fakes/sample_profile.h"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <tuple>

namespace copper {

using namespace profile;  // NOLINT(google-build-using-namespace)

namespace {

using PathMap = std::map<std::string, PathUse>;

PathRun RunOf(const PathMap& uses) {
  PathRun run;
  for (const auto& [path, use] : uses) run.Append(path, use);
  return run;
}

PathUse Present(PathKind kind, uint64_t events, uint64_t bytes) {
  return {
      .kind = kind, .events = events, .hits = events - 1, .misses = 1, .negative = 0, .ttl_serves = 0, .bytes = bytes};
}

PathUse Absent(uint64_t events) {
  return {.kind = PathKind::kAbsent,
          .events = events,
          .hits = events - 1,
          .misses = 1,
          .negative = events,
          .ttl_serves = events - 1,
          .bytes = 0};
}

PathMap SamplePaths() {
  PathMap uses{
      {"/env", Present(PathKind::kDirectory, 90, 0)},
      {"/env/bin/python3", Present(PathKind::kSymlink, 12, 0)},
      {"/env/bin/python3.11", Present(PathKind::kFile, 12, 6'800'000)},
      {"/env/conda-meta/history", Present(PathKind::kFile, 3, 1200)},
      {"/env/lib/glibc-hwcaps/x86-64-v3/libc.so.6", Absent(16)},
      {"/env/lib/libgone.so.1", Absent(24)},
      {"/env/lib/libssl.so.3", Present(PathKind::kFile, 8, 700'000)},
      {"/env/lib/python3.11/json/decoder.py", Present(PathKind::kFile, 9, 12'473)},
      {"/env/lib/python3.11/site-packages/numpy/__init__.py", Present(PathKind::kFile, 8, 17'000)},
      {"/env/lib/python3.11/site-packages/numpy/absent.py", Absent(40)},
      {"/env/lib/python3.11/site-packages/torch/__init__.py", Present(PathKind::kFile, 7, 80'000)},
      {"/env/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", Present(PathKind::kFile, 70, 400'000'000)},
      {"/env/lib/python311.zip", Absent(33)},
      {"/env/pyvenv.cfg", Present(PathKind::kFile, 2, 80)},
      {"/project/pyvenv.cfg", Absent(5)},
      {"/socket", Present(PathKind::kOther, 1, 0)},
  };
  uint64_t events = 100;
  for (const std::string& path : NastyPaths()) {
    uses.emplace(path, Present(PathKind::kFile, events, events * 1000));
    ++events;
  }
  return uses;
}

std::vector<TopPath> TopOf(const PathMap& uses, const auto& which, size_t most) {
  std::vector<TopPath> top;
  for (const auto& [path, use] : uses) {
    if (which(use)) top.push_back({.path = path, .events = use.events, .excess = use.events / 10, .use = use});
  }
  std::ranges::sort(top, std::greater<>(), [](const TopPath& row) { return std::pair(row.events, row.path); });
  if (top.size() > most) top.resize(most);
  return top;
}

OperationUse SampleOperation(uint64_t number) {
  OperationUse use{
      .hits = 900 * number, .misses = 80 * number, .coalesced = 15 * number, .negative = 50 * number, .errors = number};
  use.calls = use.hits + use.misses + use.coalesced;
  for (uint64_t i = 0; i < use.hits; ++i) use.latency.Add(2'000 + i % 1'000);
  for (uint64_t i = 0; i < use.misses + use.coalesced; ++i) use.latency.Add(400'000 + 1'000 * i);
  return use;
}

RankUse SampleRank(Rank rank) {
  RankUse use{.rank = rank,
              .host = "node" + std::to_string(rank),
              .pid = 4000 + rank,
              .address = "10.0.0." + std::to_string(rank + 1) + ":4711",
              .parent = rank == 0 ? -1 : 0,
              .depth = rank == 0 ? 0U : 1U,
              .start = {.mpi_us = 150'000 + rank,
                        .fabric_us = 180'000 + rank,
                        .mount_us = 200'000 + rank,
                        .serving_us = 210'000 + rank},
              .registration_us = 21'000 + rank,
              .uptime_us = 60'000'000 + rank,
              .memory_peak_bytes = 300'000'000 + rank,
              .budget_bytes = 1'000'000'000,
              .bytes_from_cache = 500'000'000 + rank,
              .bytes_from_parent = rank == 0 ? 0U : 400'000'000U,
              .bytes_from_source = rank == 0 ? 400'000'000U : 1'000U,
              .bytes_to_children = rank == 0 ? 800'000'000U : 0U};
  for (size_t i = 0; i < kTables; ++i) {
    use.tables[i] = {.entries = 1000 * (i + 1) + rank, .bytes = 1'000'000 * (i + 1) + rank, .evictions = 10 * i + rank};
  }
  return use;
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  // Of any size: as many bits as any.
  uint64_t Number() { return random_() >> (random_() % 64); }
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  std::string Text(size_t longest) {
    std::string text(Below(longest + 1), ' ');
    for (char& c : text) c = static_cast<char>(1 + Below(255));
    return text;
  }
  PathUse Use() {
    return {.kind = static_cast<PathKind>(Below(static_cast<uint64_t>(PathKind::kCount))),
            .events = Number(),
            .hits = Number(),
            .misses = Number(),
            .negative = Number(),
            .ttl_serves = Number(),
            .bytes = Number()};
  }
  RankUse OfRank(Rank rank) {
    RankUse use{.rank = rank,
                .host = Text(64),
                .pid = static_cast<uint32_t>(Number()),
                .address = Text(100),
                .parent = static_cast<int64_t>(Number()),
                .depth = static_cast<uint32_t>(Number())};
    for (int64_t* time :
         {&use.start.mpi_us, &use.start.fabric_us, &use.start.mount_us, &use.start.serving_us, &use.registration_us}) {
      *time = -static_cast<int64_t>(Number());
    }
    for (uint64_t* value : {&use.uptime_us, &use.memory_peak_bytes, &use.budget_bytes, &use.bytes_from_cache,
                            &use.bytes_from_parent, &use.bytes_from_source, &use.bytes_to_children}) {
      *value = Number();
    }
    for (TableUse& table : use.tables) table = {.entries = Number(), .bytes = Number(), .evictions = Number()};
    return use;
  }
  OperationUse OfOperation() {
    OperationUse use{.calls = Number(),
                     .hits = Number(),
                     .misses = Number(),
                     .coalesced = Number(),
                     .negative = Number(),
                     .errors = Number()};
    for (uint64_t i = Below(100); i > 0; --i) use.latency.Add(Number());
    return use;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

std::vector<std::string> NastyPaths() {
  return {"/data/two\nlines",
          "/data/\"quoted\"",
          "/data/a,comma",
          "/data/a|pipe",
          "/data/back\\slash`tick`",
          "/data/not utf-8 \xff\xfe",
          "/data/" + std::string(3993, 'x'),
          "/data/<b>&amp;",
          "/data/\r\ttab"};
}

Profile SampleProfile() {
  Profile profile;
  profile.tag = "final";
  profile.target = "/";
  profile.job_ranks = 4;
  profile.metrics = true;
  profile.top_n = 8;
  profile.paths_full = true;
  uint64_t number = 0;
  for (const Operation operation : {Operation::kLookup, Operation::kGetattr, Operation::kRead, Operation::kPeerRead}) {
    profile.operations[static_cast<size_t>(operation)] = SampleOperation(++number);
  }
  for (size_t i = 0; i < kEvents; ++i) profile.events[i] = 1000 + 7 * i;
  for (const Rank rank : {0U, 1U, 3U}) profile.ranks.push_back(SampleRank(rank));
  const PathMap uses = SamplePaths();
  profile.top = {TopOf(
                     uses, [](const PathUse&) { return true; }, profile.top_n),
                 TopOf(
                     uses, [](const PathUse& use) { return use.bytes > 0; }, profile.top_n),
                 TopOf(uses, [](const PathUse& use) { return use.ttl_serves > 0; }, profile.top_n)};
  profile.paths = RunOf(uses);
  return profile;
}

Profile RandomProfile(uint64_t seed) {
  Dice dice(seed);
  Profile profile;
  profile.tag = dice.Text(40);
  profile.target = dice.Text(40);
  profile.job_ranks = static_cast<uint32_t>(dice.Below(20));
  profile.metrics = dice.Below(2) == 1;
  profile.top_n = static_cast<uint32_t>(dice.Number());
  profile.paths_full = dice.Below(2) == 1;
  for (OperationUse& use : profile.operations) use = dice.OfOperation();
  for (uint64_t& event : profile.events) event = dice.Number();
  for (Rank rank = 0; rank < profile.job_ranks; ++rank) {
    if (dice.Below(4) > 0) profile.ranks.push_back(dice.OfRank(rank));
  }
  for (std::vector<TopPath>& top : profile.top) {
    for (uint64_t i = dice.Below(20); i > 0; --i) {
      top.push_back({.path = dice.Text(300), .events = dice.Number(), .excess = dice.Number(), .use = dice.Use()});
    }
  }
  PathMap uses;
  for (uint64_t i = dice.Below(2000); i > 0; --i) uses.emplace(dice.Text(i % 100 == 0 ? 4096 : 80), dice.Use());
  profile.paths = RunOf(uses);
  return profile;
}

PathRows RowsOf(const PathRun& paths) {
  PathRows rows;
  paths.ForEach([&rows](std::string_view path, const PathUse& use) { rows.emplace_back(path, use); });
  return rows;
}

bool Same(const Profile& a, const Profile& b) {
  const auto head = [](const Profile& of) {
    return std::tie(of.tag, of.target, of.job_ranks, of.metrics, of.top_n, of.paths_full, of.operations, of.events,
                    of.ranks, of.top);
  };
  return head(a) == head(b) && RowsOf(a.paths) == RowsOf(b.paths);
}

}  // namespace copper

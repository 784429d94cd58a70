#include "random_profile.h"

#include <ostream>
#include <random>

#include "sample_profile.h"

namespace copper::fakes {

using profile::PathKind;
using profile::PathUse;
using profile::Profile;

namespace {

PathUse RandomUse(std::mt19937_64& random) {
  return {static_cast<PathKind>(random() % 6),
          1 + random() % 100,
          random() % 50,
          random() % 50,
          random() % 3,
          random() % 3,
          random() % 1'000'000};
}

std::string RandomPath(std::mt19937_64& random) {
  std::string path;
  for (uint64_t depth = 1 + random() % 5; depth > 0; --depth) path += "/directory" + std::to_string(random() % 50);
  return path + "/file,\"|\n\xff" + std::to_string(random() % 1'000'000);
}

void FillRank(profile::RankUse& row, std::mt19937_64& random, Rank rank) {
  row.rank = rank;
  row.host = "node" + std::to_string(rank);
  row.address = "10.0.0." + std::to_string(rank) + ":7000";
  row.parent = int64_t{rank} - 1;
  row.depth = rank;
  row.pid = static_cast<uint32_t>(random());
  for (int64_t* us :
       {&row.start.mpi_us, &row.start.fabric_us, &row.start.mount_us, &row.start.serving_us, &row.registration_us}) {
    *us = static_cast<int64_t>(random() % 1'000'000);
  }
  for (uint64_t* count : {&row.uptime_us, &row.memory_peak_bytes, &row.budget_bytes, &row.bytes_from_cache,
                          &row.bytes_from_parent, &row.bytes_from_source, &row.bytes_to_children}) {
    *count = random();
  }
  for (profile::TableUse& table : row.tables) table = {random() % 1000, random(), random() % 10};
}

}  // namespace

Profile RandomProfile(uint64_t seed, const RandomProfileOptions& options) {
  std::mt19937_64 random(seed);
  Profile made{.tag = "final", .target = "/source", .job_ranks = options.ranks, .metrics = true};
  made.top_n = options.top_n;
  made.paths_full = true;
  for (profile::OperationUse& use : made.operations) {
    use.calls = random() % 100;
    use.hits = use.calls / 2;
    use.misses = use.calls - use.hits;
    for (uint64_t i = 0; i < use.calls; ++i) use.latency.Add(random() % 10'000'000);
  }
  for (uint64_t& event : made.events) event = random() % 1'000'000;
  FillRank(made.ranks.emplace_back(), random, options.rank);
  for (auto& top : made.top) {
    for (uint64_t i = options.top_n; i > 0; --i) top.push_back({RandomPath(random), i * 100, 0, RandomUse(random)});
  }
  std::map<std::string, PathUse> paths;
  while (paths.size() < options.paths) paths[RandomPath(random)] = RandomUse(random);
  for (const auto& [path, use] : paths) made.paths.Append(path, use);
  return made;
}

Tables TablesOf(const Profile& profile) {
  Tables tables;
  tables.head = profile;
  tables.head.paths = {};
  profile.paths.ForEach([&](std::string_view path, const PathUse& use) { tables.paths.emplace(path, use); });
  return tables;
}

bool Tables::operator==(const Tables& other) const {
  return Same(head, other.head) && paths == other.paths;
}

void PrintTo(const Tables& tables, std::ostream* out) {
  *out << tables.head.tag << ", " << tables.head.ranks.size() << " of " << tables.head.job_ranks << " ranks, "
       << tables.paths.size() << " paths, lookups " << tables.head.operations[0].calls;
}

}  // namespace copper::fakes

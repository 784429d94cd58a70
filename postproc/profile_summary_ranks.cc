// How the ranks differ, and how full their tables were.

#include <algorithm>
#include <functional>

#include "copper/base/log.h"
#include "profile_summary.h"
#include "text.h"

namespace copper::postproc {
namespace {

using profile::Profile;
using profile::RankUse;

struct Quantity {
  const char* name;
  uint64_t (*of)(const RankUse&);
  std::string (*show)(uint64_t);
};

std::string Seconds(uint64_t us) {
  return fmt::format("{:.3f} s", static_cast<double>(us) / 1e6);
}

uint64_t Positive(int64_t us) {
  return static_cast<uint64_t>(std::max<int64_t>(us, 0));
}

constexpr Quantity kQuantities[] = {
    {"opening the provider", [](const RankUse& rank) { return Positive(rank.registration_us); }, Seconds},
    {"start until serving", [](const RankUse& rank) { return Positive(rank.start.serving_us); }, Seconds},
    {"uptime", [](const RankUse& rank) { return rank.uptime_us; }, Seconds},
    {"memory at its peak", [](const RankUse& rank) { return rank.memory_peak_bytes; }, HumanBytes},
    {"bytes from own cache", [](const RankUse& rank) { return rank.bytes_from_cache; }, HumanBytes},
    {"bytes from parents", [](const RankUse& rank) { return rank.bytes_from_parent; }, HumanBytes},
    {"bytes from the source", [](const RankUse& rank) { return rank.bytes_from_source; }, HumanBytes},
    {"bytes to children", [](const RankUse& rank) { return rank.bytes_to_children; }, HumanBytes},
};

std::string RowOf(const Quantity& quantity, std::vector<const RankUse*> ranks) {
  std::ranges::sort(ranks, {}, [&](const RankUse* rank) { return std::pair(quantity.of(*rank), rank->rank); });
  const auto show = [&](const RankUse* rank) { return quantity.show(quantity.of(*rank)); };
  const RankUse* most = ranks.back();
  return MarkdownRow({quantity.name, show(ranks.front()), show(ranks[ranks.size() / 2]), show(most),
                      fmt::format("{} on {}", most->rank, MarkdownCode(most->host))}) +
         "\n";
}

std::string RowOf(profile::Table table, const std::vector<RankUse>& ranks) {
  profile::TableUse sum;
  for (const RankUse& rank : ranks) {
    const profile::TableUse& use = rank.tables[static_cast<size_t>(table)];
    sum.entries += use.entries;
    sum.bytes += use.bytes;
    sum.evictions += use.evictions;
  }
  return MarkdownRow({fmt::format("`{}`", Name(table)), std::to_string(sum.entries), HumanBytes(sum.bytes),
                      std::to_string(sum.evictions)}) +
         "\n";
}

}  // namespace

std::string SummaryOfRanks(const Profile& profile) {
  if (profile.ranks.empty()) return "";
  std::vector<const RankUse*> ranks;
  for (const RankUse& rank : profile.ranks) ranks.push_back(&rank);
  std::string text =
      "\n## Ranks\n\n| Of a rank | Least | Median | Most | Rank with the most |\n|---|---:|---:|---:|---|\n";
  for (const Quantity& quantity : kQuantities) text += RowOf(quantity, ranks);
  text += "\n## Tables at the End\n\n| Table | Entries | Bytes | Evictions |\n|---|---:|---:|---:|\n";
  for (const profile::Table table : {profile::Table::kData, profile::Table::kTree, profile::Table::kMetadata})
    text += RowOf(table, profile.ranks);
  return text;
}

}  // namespace copper::postproc

// copper status: ranks, requests, hits, and where the bytes came from.

#include <algorithm>

#include "cli/verbs.h"
#include "copper/base/log.h"
#include "copper/base/size_text.h"
#include "copper/jobdir/place.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;
namespace {

constexpr auto kTimeout = std::chrono::seconds(60);  // a deputy may have to take over first

// A number of the status; 0 where it is absent.
uint64_t Number(const Json& json, const char* group, const char* name) {
  const auto found = json.find(group);
  if (found == json.end() || !found->is_object()) return 0;
  const auto number = found->find(name);
  return number != found->end() && number->is_number_unsigned() ? number->get<uint64_t>() : 0;
}

std::string Text(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

uint64_t CachedBytes(const Json& part) {
  uint64_t bytes = 0;
  for (const char* table : {"metadata", "tree", "data"}) {
    const auto cache = part.find("cache");
    if (cache != part.end() && cache->is_object()) bytes += Number(*cache, table, "bytes");
  }
  return bytes;
}

// Of what was asked for, the part that was there already, known to be absent included.
std::string HitRate(const Json& part) {
  const uint64_t there = Number(part, "events", "hits") + Number(part, "events", "negative");
  const uint64_t all = there + Number(part, "events", "misses") + Number(part, "events", "coalesced");
  return all == 0 ? "-" : fmt::format("{:.1f}%", 100 * static_cast<double>(there) / static_cast<double>(all));
}

// In tree 0: the rank above, and how far from the root.
std::string TreePosition(const Json& rank) {
  const auto tree = rank.find("tree");
  if (tree == rank.end() || !tree->is_object()) return "-";
  const std::string depth = fmt::format(" ({})", Number(rank, "tree", "depth"));
  const auto parent = tree->find("parent");
  const bool is_root = parent == tree->end() || !parent->is_number_unsigned();
  return (is_root ? "root" : parent->dump()) + depth;
}

constexpr std::string_view kRow =
    "{:>6}  {:<16} {:>8}  {:<11} {:>10}  {:>10} {:>9} {:>9} {:>9} {:>7}  {:>10} {:>10} {:>10}  {:>10} {:>10}\n";

void PrintHeader() {
  fmt::print(kRow, "rank", "host", "pid", "mount", "below", "requests", "hits", "misses", "absent", "rate", "cache",
             "parent", "source", "held", "memory");
}

void PrintRow(const Json& part, const std::string& rank, const std::string& host, const std::string& pid,
              const std::string& mount, const std::string& below) {
  fmt::print(kRow, rank, host, pid, mount, below, Number(part, "requests", "total"), Number(part, "events", "hits"),
             Number(part, "events", "misses"), Number(part, "events", "negative"), HitRate(part),
             SizeText(Number(part, "events", "bytes_from_cache")),
             SizeText(Number(part, "events", "bytes_from_parent")),
             SizeText(Number(part, "events", "bytes_from_source")), SizeText(CachedBytes(part)),
             SizeText(Number(part, "memory", "rss_bytes")));
}

void PrintRank(const Json& rank) {
  PrintRow(rank, Text(rank, "rank"), Text(rank, "host"), Text(rank, "pid"),
           rank.value("mounted", false) ? "mounted" : "unmounted", TreePosition(rank));
}

std::string Part(uint64_t bytes, uint64_t all) {
  const double percent = all == 0 ? 0 : 100 * static_cast<double>(bytes) / static_cast<double>(all);
  return fmt::format("{} ({:.1f}%)", SizeText(bytes), percent);
}

void PrintHealth(const Json& totals) {
  const uint64_t there = totals.value("ranks", uint64_t{0});
  const uint64_t silent = totals.value("unreachable", Json::array()).size();
  const uint64_t unmounted = there - std::min(there, totals.value("mounted", uint64_t{0}));
  if (silent + unmounted == 0) return fmt::print("health: all {} ranks serve\n", there);
  fmt::print("health: {} of {} ranks do not answer, {} serve others without a mount\n", silent, there + silent,
             unmounted);
}

void PrintWaits(const Json& waits) {
  for (const Json& wait : waits) {
    fmt::print("rank {}: {} {} has waited {} s for {}\n", Text(wait, "rank"), Text(wait, "doing"), Text(wait, "path"),
               Text(wait, "seconds"), Text(wait, "for"));
  }
}

void PrintSummary(const Json& ranks, const Json& totals) {
  PrintHealth(totals);
  if (!ranks.empty()) {
    const Json& one = ranks.front();
    fmt::print("trees: {} of fanout {} over {} ranks\n", Number(one, "tree", "trees"), Number(one, "tree", "fanout"),
               Number(one, "tree", "ranks"));
  }
  const uint64_t cache = Number(totals, "events", "bytes_from_cache");
  const uint64_t parent = Number(totals, "events", "bytes_from_parent");
  const uint64_t source = Number(totals, "events", "bytes_from_source");
  const uint64_t all = cache + parent + source;
  fmt::print("bytes: {} from caches, {} from parents, {} from the source\n", Part(cache, all), Part(parent, all),
             Part(source, all));
  fmt::print("hit rate: {}\n", HitRate(totals));
}

void PrintJob(const Json& status) {
  Json ranks = status["ranks"];
  const Json& totals = status["totals"];
  std::sort(ranks.begin(), ranks.end(), [](const Json& a, const Json& b) { return a["rank"] < b["rank"]; });
  PrintHeader();
  for (const Json& rank : ranks) PrintRank(rank);
  for (const Json& lost : totals.value("lost", Json::array())) {
    fmt::print("{:>6}  {:<16} {:>8}  does not answer: lost, or frozen\n", Text(lost, "rank"), Text(lost, "host"),
               Text(lost, "pid"));
  }
  const uint64_t all = totals.value("ranks", uint64_t{0});
  PrintRow(totals, "all", fmt::format("{} ranks", all), "",
           fmt::format("{} mounted", totals.value("mounted", uint64_t{0})), "");
  if (ranks.size() < all) fmt::print("({} ranks are only in the sum)\n", all - ranks.size());
  PrintSummary(ranks, totals);
  PrintWaits(totals.value("waits", Json::array()));
}

int Print(const Json& answer, bool json) {
  const auto status = answer.find("status");
  const bool whole = status != answer.end() && status->is_object() && status->contains("ranks") &&
                     status->contains("totals") && (*status)["totals"].contains("unreachable");
  if (!whole)
    return Refuse("the job does not tell its status: " + answer.value("message", std::string("no reason given")));
  if (json) {
    fmt::print("{}\n", status->dump(2));
  } else {
    PrintJob(*status);
  }
  return 0;
}

int PrintOne(const Json& rank, bool json) {
  if (json) {
    fmt::print("{}\n", rank.dump(2));
    return 0;
  }
  PrintHeader();
  PrintRank(rank);
  PrintWaits(rank.value("waits", Json::array()));
  fmt::print("(this rank alone: the job directory {} does not answer here)\n", Text(rank, "job_directory"));
  return 0;
}

}  // namespace

int ShowStatus(const std::string& place, bool json) {
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  const Result<Json> answer = Ask(found->job, {{"verb", "status"}}, kTimeout, Processes(found->job));
  if (answer) return Print(*answer, json);
  if (found->mount_status) return PrintOne(*found->mount_status, json);
  return Refuse(answer.error().Describe() + DescribeRemains(found->job));
}

}  // namespace copper::cli

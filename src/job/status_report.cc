#include "copper/job/status_report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "copper/base/files.h"

namespace copper::job {
namespace {

// What is summed over ranks.
constexpr const char* kSummed[] = {"requests", "events", "cache", "channel", "memory"};

Json Requests(const profile::Counters& counters) {
  Json requests = {{"total", counters.requests()}};
  for (size_t i = 0; i < static_cast<size_t>(profile::Operation::kCount); ++i) {
    const auto operation = static_cast<profile::Operation>(i);
    requests[std::string(profile::Name(operation))] = counters.Get(operation);
  }
  return requests;
}

Json Events(const profile::Counters& counters) {
  Json events = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(profile::Event::kCount); ++i) {
    const auto event = static_cast<profile::Event>(i);
    events[std::string(profile::Name(event))] = counters.Get(event);
  }
  return events;
}

Json ChannelJson(const rpc::ChannelCounters& channel) {
  return {{"sent", channel.sent},
          {"received", channel.received},
          {"bytes_sent", channel.bytes_sent},
          {"bytes_received", channel.bytes_received},
          {"rejected_unparsable", channel.rejected_unparsable},
          {"rejected_foreign", channel.rejected_foreign},
          {"rejected_replayed", channel.rejected_replayed},
          {"unknown", channel.unknown},
          {"timeouts", channel.timeouts},
          {"late_replies", channel.late_replies},
          {"send_failures", channel.send_failures},
          {"given_up", channel.given_up},
          {"unfinished", channel.unfinished}};
}

Json TreePosition(Rank rank, const tree::Forest& forest) {
  const std::optional<Rank> parent = forest.Parent(rank, 0);
  return {{"ranks", forest.ranks()},
          {"trees", forest.trees()},
          {"fanout", forest.fanout()},
          {"parent", parent ? Json(*parent) : Json()},
          {"children", forest.Children(rank, 0)},
          {"depth", forest.Depth(rank, 0)}};
}

// The longest waits of both.
void MergeWaits(Json& into, const Json& other) {
  for (const Json& wait : other) into.push_back(wait);
  std::sort(into.begin(), into.end(), [](const Json& a, const Json& b) {
    return a.value("seconds", int64_t{0}) > b.value("seconds", int64_t{0});
  });
  if (into.size() > kMostWaits) into.erase(into.begin() + kMostWaits, into.end());
}

// Numbers are added, objects member by member; what is only on one side is kept.
void Sum(Json& into, const Json& other) {
  if (into.is_null()) {
    into = other;
  } else if (into.is_object() && other.is_object()) {
    for (const auto& [name, value] : other.items()) Sum(into[name], value);
  } else if (into.is_number_unsigned() && other.is_number_unsigned()) {
    into = into.get<uint64_t>() + other.get<uint64_t>();
  }
}

bool IsWait(const Json& wait) {
  return wait.is_object() && (!wait.contains("seconds") || wait["seconds"].is_number_integer());
}

// Of the kinds that merging believes in.
bool IsWhole(const Json& status) {
  if (!status.is_object() || !status.contains("ranks") || !status["ranks"].is_array()) return false;
  if (!status.contains("totals") || !status["totals"].is_object()) return false;
  const Json& totals = status["totals"];
  const Json waits = totals.value("waits", Json::array());
  return totals.contains("unreachable") && totals["unreachable"].is_array() && waits.is_array() &&
         std::ranges::all_of(waits, IsWait);
}

// Names of hosts and paths need not be UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

uint64_t ResidentBytes() {
  const std::string statm = ReadWholeFile("/proc/self/statm").value_or("");
  unsigned long long total = 0;
  unsigned long long resident = 0;
  if (std::sscanf(statm.c_str(), "%llu %llu", &total, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Json CacheJson(const profile::CacheUse& cache) {
  const auto table = [&cache](profile::Table of) -> Json {
    const profile::TableUse& use = cache.tables[static_cast<size_t>(of)];
    return {{"entries", use.entries}, {"bytes", use.bytes}};
  };
  return {{"metadata", table(profile::Table::kMetadata)},
          {"tree", table(profile::Table::kTree)},
          {"data", table(profile::Table::kData)},
          {"budget",
           {{"limit_bytes", cache.budget_bytes}, {"held_bytes", cache.held_bytes}, {"evictions", cache.evictions}}}};
}

Json RankStatus(const RankIdentity& who, const RankState& state, const profile::Counters& counters,
                const profile::CacheUse& cache, const rpc::ChannelCounters& channel, const tree::Forest& forest) {
  return {{"rank", who.rank},
          {"host", who.host},
          {"pid", who.pid},
          {"address", who.address},
          {"provider", who.provider},
          {"mount", who.mount},
          {"job", who.job},
          {"job_directory", who.job_directory},
          {"uptime_s",
           static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(state.uptime).count()) / 1000},
          {"mounted", state.mounted},
          {"requests", Requests(counters)},
          {"events", Events(counters)},
          {"cache", CacheJson(cache)},
          {"channel", ChannelJson(channel)},
          {"tree", TreePosition(who.rank, forest)},
          {"memory", {{"rss_bytes", state.resident_bytes}}}};
}

Json WaitsJson(Rank rank, const std::vector<fetch::Fetcher::LongWait>& waits) {
  Json told = Json::array();
  for (const fetch::Fetcher::LongWait& wait : waits) {
    told.push_back({{"rank", rank},
                    {"doing", wait.doing},
                    {"path", wait.path},
                    {"for", wait.whom},
                    {"seconds", std::chrono::duration_cast<std::chrono::seconds>(wait.waited).count()}});
  }
  return told;
}

Json EmptyStatus() {
  return {{"ranks", Json::array()},
          {"totals",
           {{"ranks", 0U},
            {"mounted", 0U},
            {"unreachable", Json::array()},
            {"waits", Json::array()},
            {"ranks_left_out", 0U}}}};
}

Json MergedStatus(Json rank_status) {
  Json totals = {{"ranks", 1U},
                 {"mounted", rank_status.value("mounted", false) ? 1U : 0U},
                 {"unreachable", Json::array()},
                 {"waits", rank_status.value("waits", Json::array())},
                 {"ranks_left_out", 0U}};
  rank_status.erase("waits");
  for (const char* part : kSummed) totals[part] = rank_status.value(part, Json::object());
  return {{"ranks", Json::array({std::move(rank_status)})}, {"totals", std::move(totals)}};
}

void MergeStatus(Json& into, const Json& other) {
  for (const Json& rank : other["ranks"]) into["ranks"].push_back(rank);
  Json& totals = into["totals"];
  for (const auto& [name, value] : other["totals"].items()) {
    if (name != "unreachable" && name != "waits") Sum(totals[name], value);
  }
  MergeWaits(totals["waits"], other["totals"].value("waits", Json::array()));
  for (const Json& rank : other["totals"]["unreachable"]) totals["unreachable"].push_back(rank);
}

void MergeUnreachable(Json& into, Rank rank) {
  into["totals"]["unreachable"].push_back(rank);
}

Bytes EncodeStatus(Json status) {
  std::string text = Dump(status);
  if (text.size() > rpc::kMaxPayload) {
    Json& totals = status["totals"];
    totals["ranks_left_out"] = totals["ranks_left_out"].get<uint64_t>() + status["ranks"].size();
    status["ranks"] = Json::array();
    text = Dump(status);
  }
  return Bytes::Copy(std::as_bytes(std::span(text)));
}

Result<Json> DecodeStatus(const Bytes& payload) {
  Result<Json> status = ParseJson({reinterpret_cast<const char*>(payload.data()), payload.size()});
  if (!status || !IsWhole(*status)) return Fail(EBADMSG, "a rank's status is malformed");
  return status;
}

}  // namespace copper::job

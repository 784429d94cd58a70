#include "profile_totals.h"

#include <algorithm>

#include "copper/base/log.h"
#include "text.h"

namespace copper::postproc {
namespace {

using profile::Event;
using profile::Operation;
using profile::OperationUse;
using profile::Profile;

// Of the kernel's requests; those of children are the same work seen again, one level up.
OperationUse OfKernel(const Profile& profile) {
  OperationUse sum;
  for (size_t i = 0; i < profile::kOperations; ++i) {
    if (!IsPeer(static_cast<Operation>(i))) sum.Merge(profile.operations[i]);
  }
  return sum;
}

std::string Seconds(uint64_t ns) {
  return fmt::format("{:.6f}", static_cast<double>(ns) / 1e9);
}

std::string Microseconds(double ns) {
  return fmt::format("{:.2f}", ns / 1e3);
}

std::string Average(const profile::Latencies& latency) {
  const uint64_t count = latency.count();
  return Microseconds(count == 0 ? 0 : static_cast<double>(latency.sum_ns) / static_cast<double>(count));
}

std::vector<Total> RankTotals(const Profile& profile) {
  return {{"ranks_aggregated", std::to_string(profile.ranks.size()), "ranks whose counts are in here"},
          {"ranks_of_job", std::to_string(profile.job_ranks), "ranks that the job was started with"}};
}

std::vector<Total> OperationTotals(const OperationUse& all) {
  return {
      {"total_cache_hits", std::to_string(all.hits), "answered from the tables of the same rank at once"},
      {"total_cache_misses", std::to_string(all.misses), "something had to be asked of a parent or of the source"},
      {"total_coalesced_waits", std::to_string(all.coalesced), "waited for what another had asked for already"},
      {"total_counted_fuse_operations", std::to_string(all.calls),
       "requests of the kernels: hits, misses, coalesced waits, and what needs nothing that could be cached"},
      {"total_measured_latency_seconds", Seconds(all.latency.sum_ns),
       "from the arrival of these requests to the reply"},
      {"total_negative_results", std::to_string(all.negative), "of these, answered: there is no such thing"},
      {"total_errors", std::to_string(all.errors),
       "of these, answered with another error; ENOTTY is one, of each file that Python opens"},
      {"estimated_cache_served_operations_saved_by_copper", std::to_string(all.hits + all.coalesced),
       "`total_cache_hits` + `total_coalesced_waits`: operations that caused no request beyond their rank. An estimate "
       "on the low side: misses that a parent answered spare the source, too"}};
}

struct EventTotal {
  Event event;
  const char* name;
  const char* meaning;
};

constexpr EventTotal kEventTotals[] = {
    {Event::kTtlServes, "metadata_enoent_ttl_serves", "absences that were answered from a table (hits, too)"},
    {Event::kTtlStores, "metadata_enoent_ttl_stores", "absences that were taken into a table"},
    {Event::kTtlExpires, "metadata_enoent_ttl_expires", "absences that were found too old to be believed"},
    {Event::kTtlClears, "metadata_enoent_ttl_clears", "absences that were dropped before they were too old"},
    {Event::kBytesFromCache, "bytes_from_cache", "file data given to readers from the own tables"},
    {Event::kBytesFromParent, "bytes_from_parent", "file data that came from parents"},
    {Event::kBytesFromSource, "bytes_from_source", "file data that was read from the source"},
    {Event::kBytesToChildren, "bytes_to_children", "file data that was passed on to children"},
    {Event::kLooksAtSource, "looks_at_source", "names looked up at the source"},
    {Event::kListsAtSource, "lists_at_source", "directories listed at the source"},
    {Event::kReadsAtSource, "reads_at_source", "reads of files at the source"},
    {Event::kRequestsToParent, "requests_to_parent", "requests that ranks sent to their parents"},
    {Event::kStale, "stale_results", "answered with ESTALE, since the source had changed"},
    {Event::kDetours, "detours", "reads of the source in place of a parent that did not answer"},
    {Event::kLostParents, "lost_parents", "how often a parent was found not to answer"},
    {Event::kCorrupt, "corrupt", "chunks and listings that came changed on their way, and were asked for again"},
};

constexpr const char* kOperationColumns[] = {"operation",        "total_calls",     "cache_hits",      "cache_misses",
                                             "negative_results", "avg_latency_us",  "total_latency_s", "p50_latency_us",
                                             "p99_latency_us",   "coalesced_waits", "errors"};
static_assert(std::size(kOperationColumns) == kOperationCells);

}  // namespace

std::vector<Total> Totals(const Profile& profile) {
  std::vector<Total> totals = RankTotals(profile);
  if (profile.metrics) std::ranges::move(OperationTotals(OfKernel(profile)), std::back_inserter(totals));
  for (const EventTotal& each : kEventTotals) {
    totals.push_back({each.name, std::to_string(profile.events[static_cast<size_t>(each.event)]), each.meaning});
  }
  return totals;
}

std::string TotalsCsv(const std::vector<Total>& totals, const std::vector<std::string>& files) {
  std::string csv = "metric,value\n";
  for (const Total& total : totals) csv += CsvRow({total.name, total.value}) + "\n";
  for (const std::string& file : files) csv += CsvRow({"profile_file", file}) + "\n";
  return csv;
}

std::vector<std::string> OperationCells(std::string name, const OperationUse& use) {
  return {std::move(name),
          std::to_string(use.calls),
          std::to_string(use.hits),
          std::to_string(use.misses),
          std::to_string(use.negative),
          Average(use.latency),
          Seconds(use.latency.sum_ns),
          Microseconds(static_cast<double>(use.latency.Quantile(0.50))),
          Microseconds(static_cast<double>(use.latency.Quantile(0.99))),
          std::to_string(use.coalesced),
          std::to_string(use.errors)};
}

std::string OperationsCsv(const Profile& profile) {
  std::string csv = CsvRow({std::begin(kOperationColumns), std::end(kOperationColumns)}) + "\n";
  for (size_t i = 0; i < profile::kOperations; ++i) {
    csv += CsvRow(OperationCells(std::string(Name(static_cast<Operation>(i))), profile.operations[i])) + "\n";
  }
  return csv;
}

}  // namespace copper::postproc

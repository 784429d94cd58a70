// What a daemon tells its parts, and what it says of itself.

#include <algorithm>
#include <cstdlib>

#include "app/daemon.h"
#include "copper/base/memory_limit.h"
#include "copper/fetch/cache_use.h"
#include "copper/job/rank_profile.h"

namespace copper::app {
namespace {

// As --log-type has it.
const char* NameOf(LogType type) {
  if (type == LogType::kBoth) return "both";
  return type == LogType::kFile ? "file" : "stdout";
}

// For tests: as on an older kernel. Not documented for users.
uint32_t MostProtocolMinor() {
  const char* const given = std::getenv("COPPER_MOST_FUSE_MINOR");
  return given == nullptr ? UINT32_MAX : static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
}

}  // namespace

void Daemon::LogStart() {
  log_.Info("log_type: {}", NameOf(options_.log_type));
  // These lines are what sites look for, word for word.
  log_.Info("user-facing log_level: {}", static_cast<int>(options_.log_level));
  log_.Info("profile_metrics: {}", options_.IsProfiling() ? "enabled" : "disabled");
  log_.Info("profile_top_n: {}", options_.profile_top_n);
  log_.Info("profile_paths_full: {}", options_.profile_paths_full ? "enabled" : "disabled");
  log_.Info("server running at address: {}", endpoint_->DescribeAddress(endpoint_->address()));
  log_.Info("provider registration completed after {} us",
            std::chrono::duration_cast<std::chrono::microseconds>(registered_in_).count());
  const std::optional<Rank> parent = forest_->Parent(world_->rank(), 0);
  const std::vector<Rank> children = forest_->Children(world_->rank(), 0);
  log_.Info("rank {} of {} on {}, {} trees of fanout {}, provider {}; in tree 0: parent {}, children {}, depth {}",
            world_->rank(), world_->size(), host_, forest_->trees(), forest_->fanout(), endpoint_->provider(),
            parent ? std::to_string(*parent) : "none",
            children.empty() ? "none" : fmt::format("{}", fmt::join(children, " ")), forest_->Depth(world_->rank(), 0));
}

// By default half of the memory is left to the workload; ranks on one host share the other half. Of what a process may
// map the tables get a quarter: memory that is freed here and there still takes room, and so does everything else.
uint64_t Daemon::MemoryBudget() const {
  if (options_.cache_budget_bytes) return *options_.cache_budget_bytes;
  const auto on_this_host = static_cast<uint64_t>(
      std::ranges::count(members_, boot_id_, [](const bootstrap::Member& member) { return member.boot_id; }));
  return std::min(MemoryLimit() / 2 / std::max<uint64_t>(on_this_host, 1), AddressSpaceLimit() / 4);
}

// The share of the nodes that the kernel knows, which only the kernel can let go.
uint64_t Daemon::NodeBudget() const {
  return MemoryBudget() / 8;
}

fetch::Fetcher::Options Daemon::FetcherOptions() const {
  fetch::Fetcher::Options options;
  options.self = world_->rank();
  options.absent_ttl =
      options_.absent_ttl_ms < 0 ? Duration::max() : Duration(std::chrono::milliseconds(options_.absent_ttl_ms));
  options.source_timeout = std::chrono::seconds(options_.source_timeout_s);
  options.max_cacheable = options_.max_cacheable_bytes;
  options.listing_limit_bytes = MemoryBudget() / 2;
  options.host_of = [this](Rank rank) { return members_[rank].host; };
  return options;
}

fuse::Server::Options Daemon::ServerOptions() {
  const auto print = [](const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; };
  fuse::Server::Options options;
  options.threads = options_.threads;
  options.node_budget_bytes = NodeBudget();
  options.in_use = std::make_shared<ProcFilesInUse>(mount_point_);
  options.most_protocol_minor = MostProtocolMinor();
  options.store_ahead_bytes = std::min<uint64_t>(options.store_ahead_bytes, MemoryBudget() / 8);
  options.live_files["status.json"] = [this, print] { return print(LiveStatus()); };
  options.live_files["job_directory.json"] = [this, print] { return print(LookAtJobDirectory()); };
  options.live_files["cache_usage.json"] = [this, print] { return print(job::CacheJson(fetch::CacheUseOf(*cache_))); };
  options.live_files["address_book.txt"] = [book = bootstrap::BookText(members_, member_addresses_)] { return book; };
  options.on_stop_command = [this] { loop_->Submit([this] { ending_->Request(job::StopReason::kIoctl); }); };
  options.on_snapshot_command = [this](const std::string& tag, job::JobProfile::Done done) {
    loop_->Submit([this, tag, done = std::move(done)]() mutable { profile_->Snapshot(tag, std::move(done)); });
  };
  options.on_refresh_command = [this](const std::string& path, job::Refresher::Done done) {
    loop_->Submit([this, path, done = std::move(done)]() mutable { refresher_->Refresh(path, std::move(done)); });
  };
  options.recorder = recorder_.get();
  options.on_unmounted = [this] { loop_->Submit([this] { OnUnmounted(); }); };
  return options;
}

Json Daemon::OwnStatus() {
  Json status = job::RankStatus(who_, {clock_.Now() - started_, mounted_, job::ResidentBytes()}, counters_,
                                fetch::CacheUseOf(*cache_), channel_->counters(), *forest_);
  status["waits"] = job::WaitsJson(who_.rank, fetcher_->LongWaits(job::kMostWaits));
  return status;
}

Json Daemon::LiveStatus() {
  Json status = OwnStatus();
  status["elsewhere"] = ElsewhereOf(ToHex(identity_.id)).root();
  status["first_host"] = members_.front().host;
  return status;
}

Json Daemon::LookAtJobDirectory() const {
  const bool was_seen = !job_directory_id_.empty();
  return {{"path", job_.root()}, {"is_gone", was_seen && job_.Id() != job_directory_id_}};
}

job::JobProfile::Options Daemon::ProfileOptions() const {
  return {.is_on = options_.IsProfiling(),
          .interval = std::chrono::seconds(options_.profile_snapshot_interval_s),
          .elsewhere = ElsewhereOf(ToHex(identity_.id)).root(),
          .host = host_};
}

profile::Profile Daemon::OwnProfile(const std::string& tag) {
  profile::Profile own = job::RankProfile({.tag = tag,
                                           .target = target_,
                                           .who = who_,
                                           .timings = timings_,
                                           .registration = registered_in_,
                                           .uptime = clock_.Now() - started_,
                                           .forest = *forest_,
                                           .counters = counters_,
                                           .cache = fetch::CacheUseOf(*cache_),
                                           .recorder = recorder_.get()});
  if (const uint64_t left_out = recorder_ ? recorder_->left_out() : 0; left_out > 0) {
    log_.Warning(
        "the profile {} lacks paths: {} uses were of others than the {} for which there is room (raise --cache-budget)",
        tag, left_out, own.paths.rows());
  }
  return own;
}

}  // namespace copper::app

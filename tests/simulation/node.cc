#include "simulation/node.h"

#include <fmt/format.h>

#include "copper/fetch/cache_use.h"
#include "copper/job/status_report.h"
#include "simulation/models.h"

namespace copper::simulation {
namespace {

// What a rank needs to stop fuse and unmount.
constexpr auto kUnmounting = milliseconds(50);
// As app/daemon_job.cc has it.
constexpr size_t kReducingThreads = 4;

rpc::FabricChannel::Options ChannelOptions(Rank self, const Node::World& world) {
  return {.self = self, .ranks = world.forest.ranks(), .keys = world.keys};
}

}  // namespace

Node::Node(const Options& options, World world, Host& host, fabric::Endpoint& endpoint,
           std::unique_ptr<storage::BackingStore> store)
    : queue_(world.queue),
      host_(host),
      forest_(world.forest),
      store_(std::move(store)),
      log_(options.log_level, world.log),
      cache_(options.cache_budget),
      roots_(options.roots, world.queue, world.fibers, host),
      detours_(options.detours, world.queue, world.fibers, host),
      local_(options.local, world.queue, world.fibers, host),
      loop_({.threads = 1}, world.queue, world.fibers, host),
      reducing_({.threads = kReducingThreads}, world.queue, world.fibers, host),
      wakeups_(world.queue, world.fibers, host),
      channel_(ChannelOptions(options.fetch.self, world), endpoint, world.queue, log_),
      fetcher_(options.fetch, {*store_, world.file_systems, roots_, detours_, local_, channel_, channel_.keys(),
                               world.forest, cache_, counters_, world.queue, log_}),
      ending_(options.fetch.self, JobPartsOf(world),
              {.begin = [this](job::StopReason, Rank) { BeginEnd(); },
               .go = [this](const job::JobEnd& end) { OnGo(end); },
               .served = [this] { return job::ServedBy(counters_); }}),
      roll_call_(options.fetch.self, JobPartsOf(world),
                 {.all_unmounted = [](Rank) {}, .status = [this] { return OwnStatus(); }}),
      refresher_(options.fetch.self, {channel_, world.forest, loop_, detours_, reducing_, wakeups_, world.queue, log_},
                 {.begin = [this](const fetch::RefreshId& id, const std::string& path,
                                  TimePoint until) { fetcher_.BeginRefresh(id, path, until); },
                  .end = [this](const fetch::RefreshId& id, const std::string& path,
                                fetch::Told told) { fetcher_.EndRefresh(id, path, std::move(told)); }},
                 {}),
      reducer_(options.fetch.self, {channel_, world.forest, losses_, reducing_, wakeups_, world.queue, log_},
               [this](const std::string& tag) { return OwnProfile(tag); }),
      deputy_(job::Deputy::Make(options.fetch.self, world.forest.ranks(), roll_call_, log_,
                                [this] { roll_call_.CollectStatus([](const Json&) {}); })) {
  fetcher_.SetControlHandler([this](Rank from, const rpc::Request& request, rpc::Responder respond) {
    OnControl(from, request, std::move(respond));
  });
  fetcher_.SetLossListener([this](Rank rank, bool lost) { OnLoss(rank, lost); });
  channel_.Start(*this);
}

Node::~Node() {
  Stop();
}

void Node::Stop() {
  for (SimulatedExecutor* pool : {&roots_, &detours_, &local_, &loop_, &reducing_}) pool->Stop();
  channel_.Stop();
  wakeups_.EndAll();
}

void Node::Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) {
  NoteHeld();
  if (sits_ == Duration{}) return fetcher_.Handle(from, std::move(request), deadline, std::move(respond));
  queue_.After(sits_, What::kFault, host_,
               [this, from, request = std::move(request), deadline, respond = std::move(respond)]() mutable {
                 fetcher_.Handle(from, std::move(request), deadline, std::move(respond));
               });
}

bool Node::OnTick(TimePoint now) {
  NoteHeld();
  return fetcher_.OnTick(now) || is_restless_;
}

void Node::TickForEver() {
  is_restless_ = true;
  channel_.WantTicks();
}

void Node::PingAll() {
  for (Rank rank = 0; rank < forest_.ranks(); ++rank) {
    if (rank == host_.rank()) continue;
    channel_.Call(rank, {.kind = rpc::Kind::kPing}, queue_.Now() + seconds(1), [](const Result<rpc::Reply>&) {});
  }
}

void Node::OnControl(Rank from, const rpc::Request& request, rpc::Responder respond) {
  if (request.kind == rpc::Kind::kReduce) return reducer_.Handle(from, request, std::move(respond));
  if (request.kind == rpc::Kind::kRefresh) return refresher_.Handle(request, std::move(respond));
  const bool of_the_end = request.kind == rpc::Kind::kStop || request.kind == rpc::Kind::kLeft;
  if (of_the_end) return ending_.Handle(from, request, std::move(respond));
  if (request.kind == rpc::Kind::kStatus && is_mute_) return respond({.error = EIO});
  roll_call_.Handle(from, request, std::move(respond));
}

void Node::OnLoss(Rank rank, bool lost) {
  losses_.Note(rank, lost);
  if (lost) loop_.Submit([this] { LookAsDeputy(); });
}

void Node::LookAsDeputy() {
  if (deputy_) deputy_->Look();
}

Json Node::OwnStatus() {
  const job::RankIdentity who{.rank = host_.rank(), .host = fmt::format("node{}", host_.rank())};
  return job::RankStatus(who, {queue_.SinceStart(), true, cache_.budget().held()}, counters_, fetch::CacheUseOf(cache_),
                         channel_.counters(), forest_);
}

// One call for each rank, by which two of one are told.
profile::Profile Node::OwnProfile(const std::string& tag) const {
  profile::Profile profile;
  profile.tag = tag;
  profile.job_ranks = forest_.ranks();
  profile.metrics = true;
  profile.operations.front().calls = 1;
  profile.ranks.push_back({.rank = called_.value_or(host_.rank())});
  return profile;
}

void Node::Reduce(const std::string& tag, TimePoint deadline,
                  std::move_only_function<void(Result<profile::Profile>)> done) {
  reducing_.Submit([this, tag, deadline, done = std::move(done)]() mutable {
    std::optional<profile::Profile> profile = OwnProfile(tag);
    const Status reduced = reducer_.Reduce(profile, deadline);
    done(reduced ? Result<profile::Profile>(*std::move(profile)) : std::unexpected(reduced.error()));
  });
}

void Node::BeginEnd() {
  if (std::exchange(is_ending_, true)) return;
  if (on_ending_) on_ending_();
  if (never_leaves_) return;
  queue_.After(kUnmounting, What::kEnding, host_, [this] { ending_.Left(); });
  TickEnd();
}

// As app/main_loop.cc does while a job ends.
void Node::TickEnd() {
  if (end_) return;
  queue_.After(seconds(1), What::kEnding, host_, [this] {
    ending_.OnTick();
    TickEnd();
  });
}

void Node::OnGo(const job::JobEnd& end) {
  if (end_) return;
  end_ = end;
  ended_at_ = queue_.Now();
  // What is still to be answered by others is waited for no longer, as by the product's last seconds.
  queue_.After(seconds(1), What::kEnding, host_, [this] { channel_.Stop(); });
}

}  // namespace copper::simulation

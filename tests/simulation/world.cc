#include "simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "copper/base/chunk_size.h"
#include "copper/storage/source_share.h"
#include "simulation/hasher.h"
#include "simulation/start.h"

namespace copper::simulation {
namespace {

// Probes of what is lost go on for so long (src/fetch/deadlines.h).
constexpr auto kUntilIdle = seconds(120);
constexpr size_t kDirectThreads = 256;    // operations that a client of the source has under way at most
constexpr auto kWake = microseconds(45);  // half of a round trip across cores
constexpr auto kEndWithin = seconds(30);
constexpr auto kPerLoss = milliseconds(2500);  // to find out that a parent is lost, with the ticks between
constexpr auto kAnyWait = milliseconds(1500);  // for a listing, before names are asked for one by one; and ticks

// As app/options.cc has them.
constexpr uint32_t kMostTrees = 32;

uint32_t TreesOf(const RunOptions& options) {
  return options.trees != 0 ? options.trees : std::min(options.nodes, kMostTrees);
}
uint32_t SourceOpsOf(const RunOptions& options) {
  return options.source_ops != 0 ? options.source_ops : storage::kSourceOpsPerTree * TreesOf(options);
}

// One network file system on every rank: all of the source is shared.
std::vector<storage::Mount> Mounts() {
  return {{"/", "lustre", "source", 1}};
}
std::string MountDigest() {
  return storage::EncodeMountDigest(Mounts(), "boot");
}
storage::FileSystems SharedByAll(uint32_t ranks) {
  return storage::FileSystems({}, Mounts(), std::vector<std::string>(ranks, MountDigest()), "boot");
}

JobIdentity IdentityOf(uint64_t seed) {
  JobIdentity identity;
  Random random(seed, 5);
  for (std::byte& byte : identity.id) byte = static_cast<std::byte>(random.Next());
  for (std::byte& byte : identity.key) byte = static_cast<std::byte>(random.Next());
  return identity;
}

double Seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

// What the ranks have to say, with the time of the simulation.
class World::Log final : public LogOutput {
 public:
  explicit Log(const EventQueue& queue) : queue_(queue) {}
  void Add(LogLevel, std::string_view, const std::string& message) override {
    std::fprintf(stderr, "%12.6f %s\n", Seconds(queue_.SinceStart()), message.c_str());
  }

 private:
  const EventQueue& queue_;
};

World::World(const RunOptions& options, Workload& workload)
    : options_(options),
      workload_(workload),
      cores_(options.cores),
      source_(options.source, workload.tree, queue_, fibers_, options.seed),
      fabric_(options.fabric, queue_, cores_, workload.tree, options.seed),
      forest_(options.nodes, options.fanout, TreesOf(options)),
      alone_(1, 1, 1),
      file_systems_(SharedByAll(options.nodes)),
      keys_(IdentityOf(options.seed), std::make_shared<const SourceHasher>(workload.tree)),
      log_(std::make_unique<Log>(queue_)) {
  for (Rank rank = 0; rank < options_.nodes; ++rank) fabric_.Add(hosts_.emplace_back(rank));
  if (options_.starts) RunStart();
  for (Rank rank = 0; rank < options_.nodes; ++rank) AddNode(rank);
  Mutate();
  std::vector<Host*> hosts;
  for (Host& host : hosts_) hosts.push_back(&host);
  faults_ = std::make_unique<Faults>(options_.faults,
                                     Faults::World{queue_, fabric_, source_, workload_.tree, std::move(hosts),
                                                   [this](Rank rank) { kernels_[rank]->Stop(); }},
                                     options_.seed);
}

// As the product's threads: the source lets go of those who wait, and what they find is answered to nobody.
World::~World() {
  for (const auto& kernel : kernels_) kernel->Stop();
  for (const auto& pool : direct_) pool->Stop();
  for (const auto& node : nodes_) node->Stop();
  source_.EndAll();
  nodes_.clear();
}

// First as where one rank's checks fail, then as all are well.
void World::RunStart() {
  const auto refuses = static_cast<Rank>(Random(options_.seed, 9).Below(options_.nodes));
  const bool is_one_away = options_.mutation == Mutation::kStaysAway;
  const auto stays_away = is_one_away ? std::optional<Rank>(options_.nodes / 2) : std::nullopt;
  const Start::World world{queue_, fibers_, checks_, fabric_, hosts_, MountDigest(), IdentityOf(options_.seed)};
  Start(world, refuses, stays_away).Run();
  Start start(world, std::nullopt, stays_away);
  start.Run();
  start_bytes_ = start.bytes();
}

void World::AddNode(Rank rank) {
  Host& host = hosts_[rank];
  const storage::SourceShare share = storage::ShareOut(SourceOpsOf(options_), forest_.trees(), forest_.ranks());
  const auto pool = [](size_t threads) {
    return SimulatedExecutor::Options{threads, kWake, storage::kStuckAfter, threads * storage::kMostStuck};
  };
  const bool is_mutated = rank == options_.nodes / 2;
  Node::Options options;
  options.fetch.self = rank;
  options.fetch.absent_ttl = options_.absent_ttl;
  options.fetch.source_timeout = options_.source_timeout;
  options.cache_budget = options_.cache_budget;
  options.roots = pool(is_mutated && options_.mutation == Mutation::kManyThreads ? storage::kMostThreads : share.root);
  options.detours = pool(share.detour);
  options.local = pool(storage::kLocalThreads);
  options.log_level = options_.log_level;
  if (is_mutated && options_.mutation == Mutation::kNoBudget) options.cache_budget = UINT64_MAX;
  const bool is_alone = rank == 0 && options_.mutation == Mutation::kAlone;  // the root of a tree of one is rank 0
  nodes_.push_back(std::make_unique<Node>(
      options, Node::World{queue_, fibers_, is_alone ? alone_ : forest_, file_systems_, keys_, *log_}, host,
      fabric_.endpoint(rank), source_.Open(host)));
  kernels_.push_back(std::make_unique<Kernel>(KernelParts{options_.kernel, workload_, queue_, cores_, checks_}, host,
                                              nodes_.back()->fetcher(), options_.processes));
  if (options_.is_direct) {
    direct_.push_back(std::make_unique<SimulatedExecutor>(pool(kDirectThreads), queue_, fibers_, host));
    kernels_.back()->GoDirect(nodes_.back()->store(), *direct_.back());
  }
  nodes_.back()->SetOnEnding([this, rank] { kernels_[rank]->Stop(); });
}

void World::Mutate() {
  const Rank rank = options_.nodes / 2;
  switch (options_.mutation) {
    case Mutation::kLostTasks:
      return nodes_[rank]->roots().LoseTasks();
    case Mutation::kWrongBytes:
      return kernels_[rank]->SpoilBytes();
    case Mutation::kManyPeers:
      return nodes_[rank]->PingAll();
    case Mutation::kRestless:
      return nodes_[rank]->TickForEver();
    case Mutation::kNeverLeaves:
      return nodes_[rank]->NeverLeave();
    case Mutation::kLate:
      return nodes_[rank]->SitOnRequests(seconds(30));
    case Mutation::kMute:
      return nodes_[rank]->SayNothingOfStatus();
    case Mutation::kStranger:
      return nodes_[rank]->CallItself(0);
    case Mutation::kIdleDeputy:
      for (Rank first = 1; first < options_.nodes; ++first) {
        if (job::Deputy::IsFirst(first, options_.nodes)) return nodes_[first]->NeverTakeOver();
      }
      return;
    default:
      return;
  }
}

bool World::IsDone() const {
  return std::ranges::all_of(kernels_, [](const auto& kernel) { return kernel->left() == 0; });
}

bool World::RunUntil(TimePoint when) {
  while (!queue_.empty() && queue_.next() <= when) queue_.RunOne();
  return !queue_.empty();
}

Report World::Run() {
  RunWorkload();
  RunUntilIdle();
  if (options_.refreshes) RunRefresh();
  if (options_.reports) RunReports();
  RunEnd();
  Report report = Describe();
  CheckAll(report);
  report.failures = checks_.Describe();
  return report;
}

void World::RunWorkload() {
  Random random(options_.seed, 6);
  for (const auto& kernel : kernels_) kernel->Start(options_.start_within, random);
  const TimePoint begun = queue_.Now();
  constexpr uint64_t kLookEvery = 4096;  // events
  for (uint64_t ran = 1; queue_.RunOne(); ++ran) {
    if (ran % kLookEvery == 0 && (IsDone() || queue_.Now() - begun > options_.most_time)) break;
  }
  for (const auto& kernel : kernels_) {
    if (kernel->done_at()) until_done_ = std::max<Duration>(until_done_, *kernel->done_at() - begun);
  }
  checks_.Expect(IsDone(), Check::kForgotten, "processes wait, and nothing happens any more, or too long");
}

// Whoever has asked nothing costs nothing: no ticks, no messages.
void World::RunUntilIdle() {
  const TimePoint until = std::max(queue_.Now(), faults_->over_at()) + kUntilIdle;
  if (RunUntil(until)) checks_.Fail(Check::kLeft, "something goes on for minutes after all was answered");
  for (const auto& kernel : kernels_) {
    if (kernel->left() == 0 && kernel->waiting() > 0 && hosts_[kernel->rank()].runs()) {
      checks_.Fail(Check::kLeft, fmt::format("a request of rank {} has no answer", kernel->rank()));
    }
  }
  for (Rank rank = 0; rank < options_.nodes; ++rank) most_peers_ = std::max(most_peers_, fabric_.peers(rank).size());
}

void World::RunRefresh() {
  const auto first = std::ranges::find_if(hosts_, &Host::runs);
  const TimePoint begun = queue_.Now();
  std::optional<Result<std::string>> outcome;
  nodes_[first->rank()]->refresher().Lead("/", [&](Result<std::string> said) {
    refreshed_in_ = queue_.Now() - begun;
    outcome = std::move(said);
  });
  RunUntil(begun + kUntilIdle);
  const bool is_told = outcome && (*outcome || faults_->losses() > 0);  // it says whom it has not reached
  checks_.Expect(is_told, Check::kErrors,
                 "the refresh: " + (outcome && !*outcome ? outcome->error().Describe() : "no answer"));
}

void World::RunReports() {
  std::vector<Node*> nodes;
  for (const auto& node : nodes_) nodes.push_back(node.get());
  reports_ = std::make_unique<Reports>(
      Reports::World{queue_, checks_, forest_, std::move(nodes), [this](Rank rank) { kernels_[rank]->Stop(); }},
      options_.lost_in_reports, options_.seed);
  reports_->Run();
}

void World::RunEnd() {
  const auto first = std::ranges::find_if(hosts_, &Host::runs);
  const TimePoint begun = queue_.Now();
  nodes_[first->rank()]->ending().Conduct(job::StopReason::kRequest, first->rank());
  RunUntil(begun + 2 * kEndWithin);
  for (Rank rank = 0; rank < options_.nodes; ++rank) {
    if (!hosts_[rank].runs()) continue;
    const auto ended = nodes_[rank]->ended_at();
    if (!ended || *ended - begun > kEndWithin)
      checks_.Fail(Check::kEnd, fmt::format("rank {} has not ended in time", rank));
    if (ended) ended_in_ = std::max<Duration>(ended_in_, *ended - begun);
  }
}

Report World::Describe() {
  Report report;
  report.start_bytes = start_bytes_;
  report.until_done = until_done_;
  report.refreshed_in = refreshed_in_;
  report.ended_in = ended_in_;
  report.simulated = queue_.SinceStart();
  report.events = queue_.count();
  report.digest = queue_.digest();
  report.source = source_.counts();
  report.most_asked = source_.most_asked();
  report.most_peers = most_peers_;
  report.faults = faults_->told();
  if (reports_) {
    report.status_in = reports_->status_in();
    report.reduced_in = reports_->reduced_in();
    report.faults.insert(report.faults.end(), reports_->told().begin(), reports_->told().end());
  }
  uint64_t served = 0;
  std::vector<Duration> done;
  for (Rank rank = 0; rank < options_.nodes; ++rank) {
    const Traffic& traffic = fabric_.traffic(rank);
    report.total.messages_sent += traffic.messages_sent;
    report.total.bytes_sent += traffic.bytes_sent;
    report.total.busy += traffic.busy;
    if (traffic.bytes_sent >= report.busiest.bytes_sent) report.busiest = traffic;
    const profile::Counters& counters = nodes_[rank]->counters();
    const uint64_t requests = counters.Get(profile::Event::kRequestsFromChildren);
    served += requests;
    report.most_served = std::max(report.most_served, requests);
    report.detours += counters.Get(profile::Event::kDetours);
    report.lost_parents += counters.Get(profile::Event::kLostParents);
    report.most_held = std::max(report.most_held, nodes_[rank]->most_held());
    const Kernel& kernel = *kernels_[rank];
    report.kernel_requests += kernel.requests();
    if (kernel.done_at()) done.push_back(*kernel.done_at() - EventQueue::kStart);
    if (kernel.longest() <= report.longest_wait) continue;
    report.longest_wait = kernel.longest();
    report.longest_what = kernel.longest_what();
  }
  report.mean_served = static_cast<double>(served) / options_.nodes;
  std::ranges::sort(done);
  if (!done.empty()) report.median_done = done[done.size() / 2];
  return report;
}

void World::CheckAll(Report& report) {
  CheckOnce(report);
  CheckWaits(report);
  const uint32_t most = SourceOpsOf(options_);
  checks_.Expect(options_.is_direct || report.source.most_at_once <= most, Check::kSourceOps,
                 fmt::format("{} operations at once, of {}", report.source.most_at_once, most));
  const size_t peers = size_t{forest_.trees()} * (forest_.fanout() + 1);
  checks_.Expect(faults_->losses() > 0 || report.most_peers <= peers, Check::kPeers,
                 fmt::format("a rank has {} peers, of {}", report.most_peers, peers));
  const uint64_t levels = uint64_t{forest_.MaxDepth()} + 1;
  const uint64_t budget =
      options_.cache_budget > UINT64_MAX / 2 ? UINT64_MAX : options_.cache_budget + levels * kChunkSize;
  checks_.Expect(report.most_held <= budget, Check::kBudget,
                 fmt::format("a rank holds {} bytes, of {}", report.most_held, budget));
}

// What was dropped to stay within the budget may have to be read again.
void World::CheckOnce(const Report& report) {
  const bool evicted =
      std::ranges::any_of(nodes_, [](const auto& node) { return node->cache().budget().evictions() > 0; });
  if (evicted || options_.is_direct) return;
  const uint64_t most = 1 + faults_->losses();
  checks_.Expect(report.source.most_of_one <= most, Check::kOnce,
                 fmt::format("{}: {} times", report.most_asked, report.source.most_of_one));
  // And once each time that the absence of its names is over.
  const uint64_t over =
      static_cast<uint64_t>(report.simulated / std::max<Duration>(options_.absent_ttl, milliseconds(1))) + 1;
  const uint64_t looks = most + (options_.absent_ttl == Duration::max() ? 0 : over);
  checks_.Expect(report.source.most_looks_at_directory <= looks, Check::kOnce,
                 fmt::format("a directory is looked at {} times, of {}", report.source.most_looks_at_directory, looks));
}

// The longest turn at the source, there and for a name after its listing; the messages on the way, with what they wait
// in queues; and what was broken. All of it as it was in this run.
void World::CheckWaits(const Report& report) {
  Duration task{};
  for (const auto& node : nodes_) task = std::max(task, node->longest_task());
  for (const auto& pool : direct_) task = std::max(task, pool->longest());
  const Duration hops = 2 * (forest_.MaxDepth() + 1) * fabric_.longest();
  const Duration most = kAnyWait + 3 * task + hops + faults_->losses() * kPerLoss + faults_->holdups();
  checks_.Expect(
      report.longest_wait <= most, Check::kLate,
      fmt::format("{}: {:.3f} s, of {:.3f} s", report.longest_what, Seconds(report.longest_wait), Seconds(most)));
}

}  // namespace copper::simulation

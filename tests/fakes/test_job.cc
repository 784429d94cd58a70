#include "fakes/test_job.h"

#include <stdexcept>

namespace copper::fakes {
namespace {

// Much more often than really, since tests wait for them.
constexpr auto kTick = std::chrono::milliseconds(2);

JobIdentity TestIdentity() {
  JobIdentity identity;
  identity.id.fill(std::byte{7});
  identity.key.fill(std::byte{9});
  return identity;
}

// One network file system on every rank: all of the source is shared.
storage::FileSystems SharedByAll(uint32_t ranks) {
  const std::vector<storage::Mount> mounts = {{"/", "lustre", "source", 1}};
  const std::vector<std::string> digests(ranks, storage::EncodeMountDigest(mounts, "boot"));
  return storage::FileSystems({}, mounts, digests, "boot");
}

}  // namespace

void CountingHandler::Handle(Rank from, rpc::Request request, TimePoint deadline, rpc::Responder respond) {
  handler_.Handle(from, std::move(request), deadline, std::move(respond));
}

bool CountingHandler::OnTick(TimePoint now) {
  const bool wanted = handler_.OnTick(now);
  const std::lock_guard lock(mutex_);
  ++ticks_;
  changed_.notify_all();
  return wanted;
}

uint64_t CountingHandler::ticks() const {
  const std::lock_guard lock(mutex_);
  return ticks_;
}

bool CountingHandler::WaitForTicks(uint64_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return ticks_ >= count; });
}

TestNode::TestNode(Rank self, const tree::Forest& forest, fabric::Endpoint& endpoint, storage::BackingStore& store,
                   const storage::FileSystems& file_systems, const Clock& clock, fetch::Fetcher::Options options,
                   uint64_t cache_budget)
    : log_(LogLevel::kNone, LogType::kStdout, ""),
      cache_(cache_budget),
      recorder_({.top_n = 10, .paths_full = true}, clock),
      pool_("source", 8),
      detour_("detour", kDetourThreads),
      local_("local", 8),
      channel_({.self = self, .ranks = forest.ranks(), .keys = wire::Keys(TestIdentity())}, endpoint, clock, log_),
      fetcher_((options.self = self, options), {store, file_systems, pool_, detour_, local_, channel_, channel_.keys(),
                                                forest, cache_, counters_, clock, log_, &recorder_}) {
  channel_.Start(handler_);
}

TestNode::~TestNode() {
  pool_.Stop();
  detour_.Stop();
  local_.Stop();
  channel_.Stop();
}

// The second tick begins after the first has ended, so after this was called.
bool TestNode::Tick() {
  const uint64_t before = handler_.ticks();
  for (uint64_t count = 1; count <= 2; ++count) {
    channel_.WantTicks();
    if (!handler_.WaitForTicks(before + count)) return false;
  }
  return true;
}

profile::OperationUse TestNode::Recorded(profile::Operation operation) {
  profile::Profile profile;
  recorder_.Fill(profile);
  return profile.operations[static_cast<size_t>(operation)];
}

Result<fetch::Found> TestNode::Look(const std::string& path) {
  return Await<fetch::Found>([&](auto done) { fetcher_.Look(path, std::move(done)); });
}

Result<fetch::Listed> TestNode::List(const std::string& path) {
  return Await<fetch::Listed>([&](auto done) { fetcher_.List(path, std::move(done)); });
}

fetch::File TestNode::Opened(const fetch::File& file) {
  if (file.shown) return file;
  const std::lock_guard lock(mutex_);
  for (const fetch::File& opened : opened_) {
    if (opened.path == file.path && opened.version == file.version) return opened;
  }
  return opened_.emplace_back(fetcher_.Open(file.path, file.version));
}

Result<std::string> TestNode::Read(const fetch::File& file, uint64_t offset, size_t size) {
  const fetch::File opened = Opened(file);
  const auto pieces =
      Await<std::vector<Bytes>>([&](auto done) { fetcher_.Read(opened, offset, size, std::move(done)); });
  if (!pieces) return std::unexpected(pieces.error());
  std::string text;
  for (const Bytes& piece : *pieces) text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return text;
}

Result<std::string> TestNode::ReadWhole(const std::string& path) {
  const auto found = Look(path);
  if (!found) return std::unexpected(found.error());
  if (!found->attributes) return Fail(ENOENT);
  return Read(fetcher_.Open(path, found->attributes->version()), 0, found->attributes->size);
}

TestJob::TestJob(uint32_t ranks, fetch::Fetcher::Options options, uint32_t fanout, uint32_t trees,
                 uint64_t cache_budget)
    : file_systems_(SharedByAll(ranks)), forest_(ranks, fanout, trees == 0 ? ranks : trees), fabric_(ranks, kTick) {
  fabric_.ConnectAll();
  fabric_.CopyPayloads();
  for (Rank rank = 0; rank < ranks; ++rank) {
    nodes_.push_back(std::make_unique<TestNode>(rank, forest_, fabric_.endpoint(rank), store_, file_systems_, clock_,
                                                options, cache_budget));
  }
}

void TestJob::Pass(Duration time, Duration step) {
  for (Duration passed{}; passed < time; passed += step) {
    clock_.Advance(std::min(step, time - passed));
    for (const auto& node : nodes_) {
      if (!node->Tick()) throw std::runtime_error("a node has stopped ticking");
    }
  }
}

TestJob::~TestJob() {
  nodes_.clear();
}

}  // namespace copper::fakes

#include "fakes/test_job.h"

namespace copper::fakes {
namespace {

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

TestNode::TestNode(Rank self, const tree::Forest& forest, fabric::Endpoint& endpoint, storage::BackingStore& store,
                   const storage::FileSystems& file_systems, const Clock& clock, fetch::Fetcher::Options options,
                   uint64_t cache_budget)
    : log_(LogLevel::kNone, LogType::kStdout, ""),
      cache_(cache_budget),
      pool_("source", 8),
      channel_({.self = self, .ranks = forest.ranks(), .job = TestIdentity()}, endpoint, clock, log_),
      fetcher_((options.self = self, options),
               {store, file_systems, pool_, channel_, forest, cache_, counters_, clock, log_}) {
  channel_.Start(fetcher_);
}

TestNode::~TestNode() {
  pool_.Stop();
  channel_.Stop();
}

Result<fetch::Found> TestNode::Look(const std::string& path) {
  return Await<fetch::Found>([&](auto done) { fetcher_.Look(path, std::move(done)); });
}

Result<fetch::Listed> TestNode::List(const std::string& path) {
  return Await<fetch::Listed>([&](auto done) { fetcher_.List(path, std::move(done)); });
}

Result<std::string> TestNode::Read(const fetch::File& file, uint64_t offset, size_t size) {
  const auto pieces = Await<std::vector<Bytes>>([&](auto done) { fetcher_.Read(file, offset, size, std::move(done)); });
  if (!pieces) return std::unexpected(pieces.error());
  std::string text;
  for (const Bytes& piece : *pieces) text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return text;
}

Result<std::string> TestNode::ReadWhole(const std::string& path) {
  const auto found = Look(path);
  if (!found) return std::unexpected(found.error());
  if (!found->attributes) return Fail(ENOENT);
  return Read({path, found->attributes->version()}, 0, found->attributes->size);
}

TestJob::TestJob(uint32_t ranks, fetch::Fetcher::Options options, uint32_t fanout, uint32_t trees,
                 uint64_t cache_budget)
    : file_systems_(SharedByAll(ranks)), forest_(ranks, fanout, trees == 0 ? ranks : trees), fabric_(ranks) {
  fabric_.ConnectAll();
  fabric_.CopyPayloads();
  for (Rank rank = 0; rank < ranks; ++rank) {
    nodes_.push_back(std::make_unique<TestNode>(rank, forest_, fabric_.endpoint(rank), store_, file_systems_, clock_,
                                                options, cache_budget));
  }
}

TestJob::~TestJob() {
  nodes_.clear();
}

}  // namespace copper::fakes

#include "simulation/start.h"

#include <fmt/format.h>

namespace copper::simulation {

Start::Start(World world, std::optional<Rank> refuses, std::optional<Rank> stays_away)
    : world_(std::move(world)),
      refuses_(refuses),
      stays_away_(stays_away),
      ranks_(static_cast<uint32_t>(world_.hosts.size())),
      worlds_(ranks_) {
  for (Host& host : world_.hosts) {
    wakeups_.push_back(std::make_unique<SimulatedWakeups>(world_.queue, world_.fibers, host));
  }
}

// Who waits for one that stays away goes on, and what it finds is told to nobody.
Start::~Start() {
  is_ended_ = true;
  for (const auto& wakeups : wakeups_) wakeups->EndAll();
}

void Start::Run() {
  for (Host& host : world_.hosts) {
    if (host.rank() == stays_away_) continue;
    world_.queue.At(world_.queue.Now(), What::kTask, host,
                    [this, &host] { world_.fibers.Run([this, &host] { RunRank(host.rank()); }); });
  }
  while (world_.queue.RunOne()) {
  }
  world_.checks.Expect(over_ == ranks_, Check::kStart, fmt::format("{} of {} ranks have started", over_, ranks_));
}

void Start::RunRank(Rank rank) {
  const std::unique_ptr<bootstrap::World> world = worlds_.Join(rank, *wakeups_[rank]);
  Learned learned;
  using Step = Status (Start::*)(bootstrap::World&, Learned&) const;
  Status agreed;
  for (const Step step : {&Start::Meet, &Start::ChooseNetwork, &Start::Connect, &Start::GatherTimings}) {
    const Status mine = (this->*step)(*world, learned);
    agreed = world->Agree(mine, MemberOf(rank).host);
    if (!agreed) break;
  }
  if (is_ended_) return;
  ++over_;
  if (refuses_) return CheckRefused(rank, agreed);
  if (!agreed) return world_.checks.Fail(Check::kStart, agreed.error().Describe());
  CheckLearned(rank, learned);
}

bootstrap::Member Start::MemberOf(Rank rank) const {
  return {.host = fmt::format("node{}", rank),
          .pid = static_cast<int32_t>(1000 + rank),
          .boot_id = fmt::format("boot-{}", rank),
          .mount_point = "/tmp/copper",
          .mount_digest = world_.mount_digest,
          .network = fmt::format("network-{}", rank)};
}

Status Start::Meet(bootstrap::World& world, Learned& learned) const {
  Result<std::vector<bootstrap::Member>> members = bootstrap::ExchangeMembers(world, MemberOf(world.rank()));
  if (!members) return std::unexpected(members.error());
  learned.members = *std::move(members);
  return bootstrap::CheckMountPoints(learned.members);
}

Status Start::ChooseNetwork(bootstrap::World& world, Learned& learned) const {
  const Result<JobIdentity> identity =
      bootstrap::ShareIdentity(world, [this] { return Result<JobIdentity>(world_.identity); });
  if (!identity) return std::unexpected(identity.error());
  learned.identity = *identity;
  const std::vector<fabric::Candidate> networks = {{"cxi", "cxi0", fmt::format("0x{:04x}", world.rank())}};
  const Result<bootstrap::AddressBook> book =
      bootstrap::AddressBook::Agree(world, learned.members, {"auto", ""}, networks);
  if (!book) return std::unexpected(book.error());
  if (world.rank() == refuses_) return Fail(ENODEV, "no network");
  return {};
}

Status Start::Connect(bootstrap::World& world, Learned& learned) const {
  fabric::Endpoint& endpoint = world_.fabric.endpoint(world.rank());
  Result<std::vector<bootstrap::MemberAddress>> addresses =
      bootstrap::ExchangeAddresses(world, {endpoint.address(), endpoint.DescribeAddress(endpoint.address())});
  if (!addresses) return std::unexpected(addresses.error());
  learned.addresses = *std::move(addresses);
  std::vector<fabric::Address> book;
  for (const bootstrap::MemberAddress& member : learned.addresses) book.push_back(member.address);
  return endpoint.Connect(book);
}

Status Start::GatherTimings(bootstrap::World& world, Learned& learned) const {
  learned.timings = bootstrap::GatherTimings(world, {.serving_us = world.rank()});
  return {};
}

void Start::CheckLearned(Rank rank, const Learned& learned) const {
  const auto is_right = [&](Rank other) {
    const bootstrap::Member& member = learned.members[other];
    const bootstrap::Member right = MemberOf(other);
    return member.host == right.host && member.pid == right.pid && member.boot_id == right.boot_id &&
           member.mount_point == right.mount_point && member.mount_digest == right.mount_digest &&
           member.network == right.network &&
           learned.addresses[other].address == world_.fabric.endpoint(other).address() &&
           learned.timings[other].serving_us == other;
  };
  const bool has_all = learned.members.size() == ranks_ && learned.addresses.size() == ranks_ &&
                       learned.timings.size() == ranks_ && learned.identity.id == world_.identity.id &&
                       learned.identity.key == world_.identity.key;
  if (!has_all) return world_.checks.Fail(Check::kStart, fmt::format("rank {} does not know all", rank));
  for (Rank other = 0; other < ranks_; ++other) {
    if (is_right(other)) continue;
    return world_.checks.Fail(Check::kStart, fmt::format("rank {} is told wrong things of rank {}", rank, other));
  }
}

void Start::CheckRefused(Rank rank, const Status& told) const {
  const std::string right = fmt::format("no network (rank {} on host {})", *refuses_, MemberOf(*refuses_).host);
  const bool is_right = !told && told.error().code == ENODEV && told.error().message == right;
  if (is_right) return;
  world_.checks.Fail(Check::kStart, fmt::format("rank {} is told \"{}\" where \"{}\" was to be said", rank,
                                                told ? "all is well" : told.error().message, right));
}

}  // namespace copper::simulation

// How a daemon comes up.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "app/checks.h"
#include "app/daemon.h"
#include "app/profiling.h"
#include "copper/base/chunk_size.h"
#include "copper/base/core_files.h"
#include "copper/base/open_files_limit.h"
#include "copper/fabric/libfabric_endpoint.h"
#include "copper/mount/mount_name.h"
#include "copper/profile/profile_file.h"
#include "copper/storage/given_paths.h"
#include "copper/storage/source_share.h"
#include "copper/wire/header.h"

namespace copper::app {
namespace {

// Where the kernel lets it be set, it reads a chunk ahead in one request.
constexpr unsigned kReadAheadKb = kChunkSize / 1024;

std::string Resolve(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : resolved.string();
}

}  // namespace

Daemon::Daemon(Options options, JobRecord& record, mount::Mounter mounter, std::unique_ptr<bootstrap::World> world,
               TimePoint started, Leaving leaving)
    : options_(std::move(options)),
      record_(record),
      started_(started),
      leaving_(std::move(leaving)),
      mounter_(std::move(mounter)),
      world_(std::move(world)),
      host_(ShortHost()),
      boot_id_(bootstrap::BootId()),
      job_(Resolve(options_.job_directory)),
      log_(options_.log_level, options_.log_type, job_.log_file(host_, getpid())),
      mount_point_(std::filesystem::absolute(mount::ExpandMount(options_.mount, world_->rank(), host_)).string()) {
  timings_.mpi_us = SinceStart();
}

int64_t Daemon::SinceStart() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - started_).count();
}

Status Daemon::Start(const std::function<void()>& serving) {
  using Step = Status (Daemon::*)();
  for (const Step step : {&Daemon::CheckHost, &Daemon::Meet, &Daemon::ChooseNetwork, &Daemon::OpenFabric,
                          &Daemon::Mount, &Daemon::Connect, &Daemon::ProveMount, &Daemon::GatherTimings}) {
    if (step == &Daemon::GatherTimings) serving();
    const Status mine = (this->*step)();
    if (!mine) record_.Reason("cannot start: " + mine.error().Describe());
    const Status agreed = world_->Agree(mine, host_);
    if (agreed) continue;
    Unmount();
    StopParts();
    world_->Finalize();
    return agreed;
  }
  return {};
}

Status Daemon::CheckHost() {
  Status enough = CheckOpenFiles(options_, world_->size(), OpenFilesLimit(), /*at_once=*/false);
  if (!enough) return enough;
  Result<std::vector<storage::Mount>> mounts = storage::ReadMountTable();
  if (!mounts) return std::unexpected(mounts.error());
  mounts_ = std::move(*mounts);
  Result<std::string> target = storage::ResolveTarget(options_.target, mounts_);
  if (!target) return std::unexpected(target.error());
  target_ = std::move(*target);
  Result<std::vector<std::string>> shared = storage::ResolveShared(options_.shared_fs, mounts_);
  if (!shared) return std::unexpected(shared.error());
  shared_fs_ = std::move(*shared);
  if (const Status checked = CheckMounts(); !checked) {
    record_.LeaveNothing();
    return checked;
  }
  if (const Status checked = CheckJobDirectory(job_.root()); !checked) return checked;
  // Whoever may have to write the job's profile sees now that this can be done.
  if (options_.IsProfiling() && job::Deputy::IsFirst(world_->rank(), world_->size())) {
    if (const Status loaded = profile::LoadProfileFiles(); !loaded) return loaded;
  }
  if (const Status checked = mount::CheckFuse(); !checked) return checked;
  if (const Status checked = mount::CheckMountPoint(mount_point_); !checked) return checked;
  Result<std::string> mount_point = mount::ResolveMountPoint(mount_point_);
  if (!mount_point) return std::unexpected(mount_point.error());
  mount_point_ = std::move(*mount_point);
  if (const Status planned = PlanTrees(); !planned) return planned;
  Result<std::unique_ptr<MainLoop>> loop = MainLoop::Open();
  if (!loop) return std::unexpected(loop.error());
  loop_ = std::move(*loop);
  return {};
}

// Of every rank, by this one too: all see it then, and none leaves its reason in the way.
Status Daemon::CheckMounts() {
  const Rank ranks = options_.mount.contains("%r") ? world_->size() : 1;
  for (Rank rank = 0; rank < ranks; ++rank) {
    const std::string mount = Resolve(mount::ExpandMount(options_.mount, rank, host_));
    if (const Status checked = mount::CheckPlaces(mount, target_, job_.root()); !checked) return checked;
  }
  return {};
}

Status Daemon::PlanTrees() {
  const uint32_t ranks = world_->size();
  const uint32_t trees = options_.TreesOf(ranks);
  if (trees > ranks) {
    return Fail(EINVAL, "--trees " + std::to_string(trees) + " is over the number of ranks, " + std::to_string(ranks));
  }
  forest_ = std::make_unique<tree::Forest>(ranks, options_.fanout, trees);
  return {};
}

Status Daemon::Meet() {
  const std::string digest = storage::EncodeMountDigest(mounts_, boot_id_);
  Result<std::vector<bootstrap::Member>> members =
      bootstrap::ExchangeMembers(*world_, {host_, getpid(), boot_id_, mount_point_, digest, bootstrap::NetworkId()});
  if (!members) return std::unexpected(members.error());
  members_ = std::move(*members);
  if (const Status checked = bootstrap::CheckMountPoints(members_); !checked) return checked;
  if (!IsFirst()) return {};
  Result<UniqueFd> lock = LockJobDirectory(job_);
  if (!lock) return std::unexpected(lock.error());
  job_lock_ = std::move(*lock);
  return job_.Prepare();
}

Status Daemon::OpenSource() {
  storage::FileSystems::Options options;
  options.target = target_;
  options.job_directory = job_.root();
  options.shared_fs = shared_fs_;
  std::vector<std::string> digests;
  for (const bootstrap::Member& member : members_) {
    digests.push_back(member.mount_digest);
    if (member.boot_id == boot_id_) options.copper_mounts.push_back(member.mount_point);
  }
  file_systems_ = std::make_unique<storage::FileSystems>(std::move(options), mounts_, digests, boot_id_);
  storage::PosixStore::Users users{
      .others = options_.allow_other, .on_refused = [this](const std::string& file) {
        log_.Warning("{} has an access control list: it, and every other file that has one, is refused to other users",
                     file);
      }};
  auto store = storage::PosixStore::Open(target_, *file_systems_, clock_, std::move(users));
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  source_ = std::make_unique<storage::SourceWithWords>(*store_, log_);
  const uint32_t trees = forest_->trees();
  const storage::SourceShare share = storage::ShareOut(options_.SourceOpsOf(trees), trees, forest_->ranks());
  const auto relief = [this](size_t threads) {
    return WorkerPool::Relief{clock_, storage::kStuckAfter, threads * storage::kMostStuck};
  };
  pool_ = std::make_unique<WorkerPool>("copper-source", share.root, relief(share.root));
  detour_ = std::make_unique<WorkerPool>("copper-detour", share.detour, relief(share.detour));
  local_ = std::make_unique<WorkerPool>("copper-local", storage::kLocalThreads, relief(storage::kLocalThreads));
  for (WorkerPool* pool : {pool_.get(), detour_.get(), local_.get()}) {
    if (const Status started = pool->StartFirst(); !started) return started;
  }
  return {};
}

Status Daemon::ChooseNetwork() {
  HideFromOthers();  // before there is a key
  const Result<JobIdentity> identity = bootstrap::ShareIdentity(*world_);
  if (!identity) return std::unexpected(identity.error());
  identity_ = *identity;
  record_.SetOurs(ToHex(identity_.id));  // rank 0 has the lock
  const std::vector<fabric::Candidate> networks = fabric::ListEndpoints(options_.net_type);
  for (const fabric::Candidate& network : networks) log_.Debug("this host has {}", Describe(network));
  Result<bootstrap::AddressBook> book =
      bootstrap::AddressBook::Agree(*world_, members_, {options_.net_type, options_.facility_address_book}, networks);
  if (!book) return std::unexpected(book.error());
  address_book_ = std::move(*book);
  return {};
}

Status Daemon::OpenFabric() {
  if (const Status opened = OpenSource(); !opened) return opened;
  const TimePoint before = clock_.Now();
  fabric::EndpointOptions options;
  options.net_type = options_.net_type;
  options.bind_address = address_book_.bind_address();
  options.one_machine = bootstrap::OneNetwork(members_);
  options.head_size = wire::kHeaderSize;
  Result<std::unique_ptr<fabric::Endpoint>> endpoint = fabric::OpenLibfabricEndpoint(options, log_);
  if (!endpoint) return std::unexpected(address_book_.Explain(endpoint.error(), host_));
  endpoint_ = std::move(*endpoint);
  timings_.fabric_us = SinceStart();
  registered_in_ = clock_.Now() - before;
  LogStart();
  return {};
}

Status Daemon::Mount() {
  Result<UniqueFd> connection =
      mounter_.Mount({.point = mount_point_, .source = "copper", .allow_other = options_.allow_other});
  if (!connection) return std::unexpected(connection.error());
  connection_ = std::move(*connection);
  mounted_ = true;
  timings_.mount_us = SinceStart();
  return {};
}

Status Daemon::Connect() {
  Result<std::vector<bootstrap::MemberAddress>> addresses =
      bootstrap::ExchangeAddresses(*world_, {endpoint_->address(), endpoint_->DescribeAddress(endpoint_->address())});
  if (!addresses) return std::unexpected(addresses.error());
  member_addresses_ = std::move(*addresses);
  std::vector<fabric::Address> book;
  for (const bootstrap::MemberAddress& member : member_addresses_) book.push_back(member.address);
  if (const Status connected = endpoint_->Connect(book); !connected) return connected;
  if (IsFirst()) {
    const Status written = address_book_.Write(job_, members_, member_addresses_);
    if (!written) return written;
  }
  return StartServing();
}

Status Daemon::StartServing() {
  const Rank rank = world_->rank();
  who_ = {.rank = rank,
          .host = host_,
          .pid = getpid(),
          .address = member_addresses_[rank].text,
          .provider = endpoint_->provider(),
          .mount = mount_point_,
          .job = ToHex(identity_.id),
          .job_directory = job_.root()};
  job_directory_id_ = job_.Id();
  rpc::FabricChannel::Options channel{.self = rank, .ranks = world_->size(), .keys = wire::Keys(identity_)};
  log_.Debug("cache budget: {} bytes, {} of them for nodes", MemoryBudget(), NodeBudget());
  recorder_ = MakeRecorder(options_, MemoryBudget(), clock_);
  cache_ = std::make_unique<cache::Cache>(MemoryBudget() - NodeBudget());
  channel_ = std::make_unique<rpc::FabricChannel>(std::move(channel), *endpoint_, clock_, log_);
  identity_.key = {};  // nobody needs it any more
  fetcher_ = std::make_unique<fetch::Fetcher>(
      FetcherOptions(),
      fetch::Fetcher::Parts{*source_, *file_systems_, *pool_, *detour_, *local_, *channel_, channel_->keys(), *forest_,
                            *cache_, counters_, clock_, log_, recorder_.get()});
  MeetReducers();
  MeetOthers();
  server_ = std::make_unique<fuse::Server>(ServerOptions(), std::move(connection_), *fetcher_, counters_, clock_, log_);
  channel_->Start(*fetcher_);
  const Status started = server_->Start();
  timings_.serving_us = SinceStart();
  if (started) log_.Info("serving {} after {} us", mount_point_, timings_.serving_us);
  return started;
}

Status Daemon::ProveMount() {
  struct stat root{};
  if (lstat(mount_point_.c_str(), &root) != 0) return FailErrno("the mount at " + mount_point_ + " does not answer");
  if (geteuid() != 0) return {};  // the kernel keeps 128 KiB
  if (const Status raised = mounter_.RaiseReadAhead(kReadAheadKb); !raised) log_.Debug("{}", raised.error().Describe());
  return {};
}

Status Daemon::GatherTimings() {
  start_timings_ = bootstrap::GatherTimings(*world_, timings_);
  return {};
}

void Daemon::AnnounceReady() {
  if (!IsFirst()) return;
  const Status ready = bootstrap::WriteReadyFile(job_, members_, member_addresses_, identity_.id, start_timings_);
  if (ready) return;
  log_.Fatal("{}", ready.error().Describe());
  record_.Reason("cannot tell that the job is ready: " + ready.error().Describe());
  ending_->Conduct(job::StopReason::kFailure, 0);
}

}  // namespace copper::app

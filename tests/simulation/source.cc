#include "simulation/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <numbers>

#include "copper/base/chunk_size.h"
#include "copper/base/hash.h"

namespace copper::simulation {
namespace {

constexpr size_t kNamesPerRead = 2000;  // of a directory, in one operation
constexpr std::string_view kLookAt = "look at ";
constexpr uint32_t kMostNamed = 8;  // who ask for one object
constexpr size_t kOpenFiles = 256;  // that a rank keeps (src/storage/open_files.h)

}  // namespace

// One call, from beginning to end.
class SourceServer::Call {
 public:
  Call(SourceServer& server, Host& host, std::string_view doing, NameId id, uint64_t number)
      : server_(server), host_(host), begun_(server.queue_.Now()) {
    server_.Enter(host_, doing, id, number);
  }
  ~Call() {
    server_.counts_.longest = std::max<Duration>(server_.counts_.longest, server_.queue_.Now() - begun_);
    server_.Leave(host_);
  }
  Call(const Call&) = delete;

 private:
  SourceServer& server_;
  Host& host_;
  const TimePoint begun_;
};

class SourceServer::Store final : public storage::BackingStore {
 public:
  Store(SourceServer& server, Host& host) : server_(server), host_(host) {}

  Result<Attributes> Look(const std::string& path) override {
    const std::optional<NameId> id = server_.tree_.Find(path);
    ++server_.counts_.looks;
    const Call call(server_, host_, kLookAt, id.value_or(UINT32_MAX), id ? 0 : Hash(path));
    server_.Operate(host_);
    if (!id || server_.tree_.KindOf(*id) == NameKind::kAbsent) return Fail(ENOENT);
    if (const Status fails = server_.Fails(*id); !fails) return std::unexpected(fails.error());
    return server_.tree_.AttributesOf(*id);
  }

  Result<Listing> List(const std::string& path, storage::ListLimit limit) override {
    const std::optional<NameId> id = server_.tree_.Find(path);
    ++server_.counts_.lists;
    const Call call(server_, host_, "list ", id.value_or(UINT32_MAX), id ? 0 : Hash(path));
    server_.Operate(host_);
    if (!id || server_.tree_.KindOf(*id) == NameKind::kAbsent) return Fail(ENOENT);
    if (!server_.tree_.IsDirectory(*id)) return Fail(ENOTDIR);
    const size_t names = server_.tree_.ChildrenOf(*id).size();
    for (size_t read = 0; read <= names; read += kNamesPerRead) server_.Operate(host_);
    if (const Status fails = server_.Fails(*id); !fails) return std::unexpected(fails.error());
    if (limit.names != 0 && names > limit.names) return Fail(EFBIG);
    const bool with_attributes = server_.model_.attributes_in_listings && names <= storage::kMostWithAttributes;
    ListingBuilder builder(server_.tree_.AttributesOf(*id), limit.bytes);
    if (const Status filled = server_.tree_.FillListing(*id, with_attributes, builder); !filled) {
      return std::unexpected(filled.error());
    }
    return builder.Build(/*answers_absence=*/true);
  }

  Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                     storage::Seen& seen) override {
    const std::optional<NameId> id = server_.tree_.Find(path);
    ++server_.counts_.reads;
    const Call call(server_, host_, "read ", id.value_or(UINT32_MAX), Hash(version.Folded(), offset / kChunkSize));
    if (!id) return Fail(ESTALE);
    if (!IsOpen(*id)) server_.Operate(host_);
    server_.Operate(host_, std::min<uint64_t>(length, version.size - std::min(version.size, offset)));
    if (const Status fails = server_.Fails(*id); !fails) return std::unexpected(fails.error());
    const Attributes now = server_.tree_.AttributesOf(*id);
    if (!now.IsRegular() || now.version() != version) return Fail(ESTALE);
    seen = {now.ctime};
    return server_.tree_.Content(*id, offset, length);
  }

  void Reopen(const std::string& path, const FileVersion&) override {
    if (const std::optional<NameId> id = server_.tree_.Find(path)) std::erase(open_, *id);
  }
  Result<uint64_t> Seek(const std::string&, const FileVersion&, uint64_t, int) override { return Fail(EINVAL); }
  Result<StatFs> Statfs(const std::string&) override {
    server_.Operate(host_);
    return StatFs{};
  }

 private:
  // Whether it was; it is from now on.
  bool IsOpen(NameId id) {
    if (std::ranges::find(open_, id) != open_.end()) return true;
    open_.push_back(id);
    if (open_.size() > kOpenFiles) open_.pop_front();
    return false;
  }

  SourceServer& server_;
  Host& host_;
  std::list<NameId> open_;
};

std::unique_ptr<storage::BackingStore> SourceServer::Open(Host& host) {
  return std::make_unique<Store>(*this, host);
}

void SourceServer::Enter(Host& host, std::string_view doing, NameId id, uint64_t number) {
  counts_.most_at_once = std::max(counts_.most_at_once, ++inside_);
  ++clients_[host.rank()];
  if (id == UINT32_MAX || tree_.MayErr(id)) return;
  // Of one version: that of a chunk is in its number; names and listings are asked for again when they were replaced.
  const uint64_t version = tree_.AttributesOf(id).version().Folded();
  Asked& asked = asked_[Hash(Hash(number, version ^ Hash(doing)), id)];
  if (asked.times < kMostNamed)
    asked.by += fmt::format(" {} at {:.3f}", host.rank(), std::chrono::duration<double>(queue_.SinceStart()).count());
  ++(++asked.times == 1 ? counts_.objects : counts_.again);
  if (tree_.IsDirectory(id) && doing == kLookAt) {
    counts_.most_looks_at_directory = std::max<uint64_t>(counts_.most_looks_at_directory, asked.times);
    return;
  }
  if (asked.times <= counts_.most_of_one) return;
  counts_.most_of_one = asked.times;
  most_asked_ = std::string(doing) + tree_.PathOf(id) + ", by ranks" + asked.by;
}

void SourceServer::Leave(Host& host) {
  --inside_;
  uint32_t& inside = clients_[host.rank()];
  if (--inside == 0) clients_.erase(host.rank());
}

Status SourceServer::Fails(NameId id) {
  const auto failing = failing_.find(id);
  if (failing != failing_.end() && failing->second > 0) {
    --failing->second;
    return Fail(EIO);
  }
  if (is_ended_) return Fail(EIO);
  return {};
}

std::string SourceServer::most_asked() const {
  return most_asked_;
}

void SourceServer::StallUntil(TimePoint until) {
  stalled_until_ = std::max(stalled_until_, until);
}

// By Box and Muller; the mean of the factor is 1 whatever the spread.
Duration SourceServer::Latency() {
  double factor = 1;
  if (model_.spread > 0) {
    const double normal = std::sqrt(-2 * std::log1p(-random_.Unit())) * std::cos(2 * std::numbers::pi * random_.Unit());
    factor = std::exp(model_.spread * normal - model_.spread * model_.spread / 2);
  }
  if (clients_.size() > model_.bears_clients) {
    factor *= 1 + model_.slower_per_client * static_cast<double>(clients_.size() - model_.bears_clients);
  }
  const auto latency = Duration(static_cast<Duration::rep>(static_cast<double>(model_.latency.count()) * factor));
  return latency + (random_.Happens(model_.tail_probability) ? model_.tail : Duration{});
}

// One operation: a turn, its time, and the rank's own turn to go on.
void SourceServer::Operate(Host& host, uint64_t bytes) {
  if (is_ended_) return;
  Fibers::Fiber* const fiber = fibers_.current();
  held_.insert(fiber);
  const auto go_on = [this, fiber, &host] {
    queue_.At(queue_.Now(), What::kSource, host, [this, fiber] {
      held_.erase(fiber);
      fibers_.Resume(fiber);
    });
  };
  auto work = [this, go_on, bytes, &host] {
    ++counts_.operations;
    counts_.bytes += bytes;
    const TimePoint now = queue_.Now();
    TimePoint end = now + Latency();
    if (bytes > 0) {
      pipe_ = std::max(pipe_, now) +
              Duration(static_cast<Duration::rep>(static_cast<double>(bytes) / model_.bytes_per_second * 1e9));
      end = std::max(end, pipe_);
    }
    queue_.AtOutside(std::max(end, stalled_until_), What::kSource, host.rank(), [this, go_on] {
      Release();
      go_on();
    });
  };
  if (busy_ < model_.at_once) {
    ++busy_;
    work();
  } else {
    waiting_.emplace_back(std::move(work));
  }
  fibers_.Wait();
}

void SourceServer::Release() {
  if (waiting_.empty()) {
    --busy_;
    return;
  }
  Work next = std::move(waiting_.front());
  waiting_.pop_front();
  next();
}

void SourceServer::EndAll() {
  is_ended_ = true;
  waiting_.clear();
  while (!held_.empty()) {
    Fibers::Fiber* const fiber = *held_.begin();
    held_.erase(held_.begin());
    fibers_.Resume(fiber);
  }
}

}  // namespace copper::simulation

#include "settling.h"

#include <algorithm>
#include <utility>

namespace copper::fetch {
namespace {

// Of files whose chunks this rank's trees name. Those that came first leave first: a change of such a file is no longer
// seen by its ctime.
constexpr size_t kMostSubjects = size_t{1} << 17;
constexpr size_t kSubjectSize = 400;  // without the path, which is held twice

// A rank that compares reads all that it has read of the file. Who asks waits longer than who is asked may take.
constexpr auto kCompareWithin = std::chrono::seconds(60);
constexpr auto kSettleWithin = std::chrono::seconds(70);
// Until a root that does not even answer a ping is passed by.
constexpr auto kAliveWithin = std::chrono::seconds(1);

rpc::Request RequestOf(rpc::Kind kind, const Ledger::Key& file, const FileTime& ctime) {
  rpc::Request request;
  request.kind = kind;
  request.path = file.path;
  request.version = file.version;
  request.ctime = ctime;
  return request;
}

Ledger::Key FileOf(const rpc::Request& request) {
  return {request.path, request.version, 0, 0};
}

size_t SizeOf(const Ledger::Key& file) {
  return kSubjectSize + 2 * file.path.size();
}

int ErrorOf(const Result<rpc::Reply>& outcome) {
  return outcome ? outcome->error : outcome.error().code;
}

}  // namespace

// At the reader.

void Settling::Ask(const Ledger::Key& file, const FileTime& ctime, Done done) {
  Done settled = [this, file, ctime, done = std::move(done)](const Status& status) mutable {
    if (status) ledger_.Settle(file, ctime);
    done(status);
  };
  const tree::Forest& forest = context_.parts.forest;
  const Rank root = forest.Root(forest.OfDirectory(ParentPath(file.path)));
  if (root == context_.options.self) return Settle(file, {root, ctime, std::move(settled)});
  if (upstream_.IsLost(root)) return SettleAlone(file, ctime, std::move(settled));
  AskRoot(root, file, ctime, std::move(settled));
}

void Settling::AskRoot(Rank root, const Ledger::Key& file, const FileTime& ctime, Done done) {
  struct Call {
    std::atomic<bool> over{false};
    Done done;
  };
  const auto call = std::make_shared<Call>();
  call->done = std::move(done);
  const auto is_first = [call] { return !call->over.exchange(true); };
  const TimePoint now = context_.Now();
  context_.parts.channel.Call(root, RequestOf(rpc::Kind::kSettle, file, ctime), now + kSettleWithin,
                              [this, call, is_first, file, ctime](const Result<rpc::Reply>& outcome) {
                                if (!is_first()) return;
                                const int error = ErrorOf(outcome);
                                if (error == 0) return call->done({});
                                if (error == ESTALE || error == ESHUTDOWN) return call->done(Fail(error));
                                SettleAlone(file, ctime, std::move(call->done));
                              });
  rpc::Request ping;
  ping.kind = rpc::Kind::kPing;
  context_.parts.channel.Call(root, ping, now + kAliveWithin,
                              [this, call, is_first, file, ctime](const Result<rpc::Reply>& outcome) {
                                if (!outcome && is_first()) SettleAlone(file, ctime, std::move(call->done));
                              });
}

void Settling::SettleAlone(const Ledger::Key& file, const FileTime& ctime, Done done) {
  if (ledger_.SettleFirst(file, ctime)) return done({});
  auto shared = std::make_shared<Done>(std::move(done));
  context_.parts.detour.Submit([this, file, shared] {
    const int error = CompareOwn(file);
    (*shared)(error == 0 ? Status() : Fail(ESTALE));
  });
}

int Settling::CompareOwn(const Ledger::Key& file) {
  const auto seals = ledger_.BeginComparison(file);
  if (!seals) return ENODATA;
  for (const auto& [chunk, seal] : *seals) {
    const uint64_t offset = chunk * kChunkSize;
    const size_t size = std::min<uint64_t>(kChunkSize, file.version.size - offset);
    context_.parts.counters.Count(profile::Event::kReadsAtSource);
    const Result<Bytes> bytes = context_.parts.store.Read(file.path, file.version, offset, size);
    if (!bytes) return bytes.error().code;
    if (!context_.IsWhole(rpc::Kind::kRead, file.path, file.version, chunk, *bytes, seal)) return ESTALE;
  }
  return 0;
}

void Settling::ServeCompare(const rpc::Request& request, rpc::Responder respond) {
  context_.parts.pool.Submit(
      [this, file = FileOf(request), respond = std::move(respond)]() mutable { respond({.error = CompareOwn(file)}); });
}

// At the name's root.

void Settling::ServeSettle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  Settle(FileOf(request), {from, request.ctime, [respond = std::move(respond)](const Status& status) mutable {
                             respond({.error = status ? 0 : status.error().code});
                           }});
}

void Settling::Settle(const Ledger::Key& file, Waiting asking) {
  std::optional<Status> verdict;
  std::set<Rank> readers;
  {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = subjects_.try_emplace(file);
    if (is_new) {
      order_.push_back(file);
      context_.parts.cache.budget().Hold(SizeOf(file));
      Bound();
    }
    Subject& subject = subjects_.at(file);
    if (subject.is_comparing) return subject.waiting.push_back(std::move(asking));
    verdict = Decide(subject, asking);
    readers = subject.readers;
  }
  if (verdict) return asking.done(*verdict);
  Compare(file, readers, std::move(asking));
}

std::optional<Status> Settling::Decide(Subject& subject, const Waiting& asking) {
  if (subject.is_stale) return Fail(ESTALE);
  if (subject.readers.empty()) subject.settled = asking.ctime;
  subject.readers.insert(asking.from);
  if (subject.settled == asking.ctime) return Status();
  subject.is_comparing = true;
  return std::nullopt;
}

struct Settling::Comparison {
  Ledger::Key file;
  Waiting asking;
  std::atomic<size_t> missing;
  std::atomic<int> error{0};  // ESTALE goes before all others
};

void Settling::Compare(const Ledger::Key& file, const std::set<Rank>& readers, Waiting asking) {
  const auto comparison = std::shared_ptr<Comparison>(new Comparison{file, std::move(asking), readers.size()});
  context_.parts.log.Debug("{} has another ctime: {} ranks compare what they have read of it", file.path,
                           readers.size());
  for (const Rank reader : readers) {
    if (reader == context_.options.self) {
      context_.parts.pool.Submit([this, comparison] { OnCompared(*comparison, CompareOwn(comparison->file)); });
      continue;
    }
    context_.parts.channel.Call(
        reader, RequestOf(rpc::Kind::kCompare, file, comparison->asking.ctime), context_.Now() + kCompareWithin,
        [this, comparison](const Result<rpc::Reply>& outcome) { OnCompared(*comparison, ErrorOf(outcome)); });
  }
}

void Settling::OnCompared(Comparison& comparison, int error) {
  if (error == ESTALE) {
    comparison.error = error;
  } else if (int none = 0; error != 0) {
    comparison.error.compare_exchange_strong(none, error);
  }
  if (--comparison.missing == 0) End(comparison.file, comparison.error, std::move(comparison.asking));
}

void Settling::End(const Ledger::Key& file, int error, Waiting asking) {
  std::vector<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = subjects_.find(file); found != subjects_.end()) {
      Subject& subject = found->second;
      subject.is_comparing = false;
      subject.is_stale = error == ESTALE;
      if (error == 0) subject.settled = std::max(subject.settled, asking.ctime);
      waiting.swap(subject.waiting);
    }
  }
  asking.done(error == 0 ? Status() : Fail(ESTALE));
  for (Waiting& each : waiting) Settle(file, std::move(each));
}

void Settling::Forget(const std::string& top) {
  ledger_.Forget(top);
  const std::lock_guard lock(mutex_);
  std::erase_if(subjects_, [&](const auto& each) {
    const bool goes = IsAtOrBelow(each.first.path, top) && !each.second.is_comparing;
    if (goes) context_.parts.cache.budget().Drop(SizeOf(each.first));
    return goes;
  });
  std::erase_if(order_, [&](const Ledger::Key& file) { return !subjects_.contains(file); });
}

void Settling::Bound() {
  for (size_t looked = order_.size(); subjects_.size() > kMostSubjects && looked > 1; --looked) {
    const auto oldest = subjects_.find(order_.front());
    if (oldest != subjects_.end() && oldest->second.is_comparing) {
      order_.push_back(order_.front());
    } else if (oldest != subjects_.end()) {
      context_.parts.cache.budget().Drop(SizeOf(oldest->first));
      subjects_.erase(oldest);
    }
    order_.pop_front();
  }
}

}  // namespace copper::fetch

#include "settling.h"

#include <algorithm>
#include <utility>

#include "copper/base/chunk_size.h"
#include "copper/base/path.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

// Of kCompare: what was read under this ctime alone need not be read again.
constexpr uint64_t kButUnder = 1;

rpc::Request RequestOf(rpc::Kind kind, const cache::Ledger::Key& file, const FileTime& ctime, uint64_t argument) {
  rpc::Request request;
  request.kind = kind;
  request.path = file.path;
  request.version = file.version;
  request.ctime = ctime;
  request.argument = argument;
  return request;
}

cache::Ledger::Key FileOf(const rpc::Request& request) {
  return {request.path, request.version, 0, 0};
}

int ErrorOf(const Result<rpc::Reply>& outcome) {
  return outcome ? outcome->error : outcome.error().code;
}

}  // namespace

Settling::Settling(const Context& context)
    : context_(context), ledger_(context.parts.cache.budget()), subjects_(context.parts.cache.budget()) {}

// At the reader.

void Settling::Ask(const cache::Ledger::Key& file, const FileTime& ctime, const cache::Ledger::Noted& noted,
                   Done done) {
  Done settled = [this, file, ctime, comparison = noted.comparison,
                  done = std::move(done)](const Status& status) mutable {
    if (status) ledger_.Settle(file, ctime, comparison);
    done(status);
  };
  const tree::Forest& forest = context_.parts.forest;
  const Rank root = forest.Root(forest.OfDirectory(ParentPath(file.path)));
  const cache::Ledger::Key subject{file.path, file.version, 0, 0};
  if (IsSilent(root)) return SettleAlone(file, ctime, std::move(settled));
  auto answered = [this, file, ctime, settled = std::move(settled)](int error) mutable {
    if (error == 0) return settled({});
    if (error == ESTALE || error == ESHUTDOWN) return settled(Fail(error));
    SettleAlone(file, ctime, std::move(settled));
  };
  if (root != context_.options.self) {
    return Call(root, RequestOf(rpc::Kind::kSettle, file, ctime, noted.may_lack ? 1 : 0),
                SettleWithin(file.version.size), std::move(answered));
  }
  Settle(subject, {root, ctime, noted.may_lack, [answered = std::move(answered)](const Status& status) mutable {
                     answered(status ? 0 : status.error().code);
                   }});
}

void Settling::Call(Rank rank, rpc::Request request, Duration within, std::move_only_function<void(int)> done) {
  struct Once {
    std::atomic<bool> over{false};
    std::move_only_function<void(int)> done;
    void End(int error) {
      if (!over.exchange(true)) done(error);
    }
  };
  const auto once = std::make_shared<Once>();
  once->done = std::move(done);
  const TimePoint now = context_.Now();
  context_.parts.channel.Call(rank, std::move(request), now + within,
                              [once](const Result<rpc::Reply>& outcome) { once->End(ErrorOf(outcome)); });
  rpc::Request ping;
  ping.kind = rpc::Kind::kPing;
  context_.parts.channel.Call(rank, std::move(ping), now + kAliveWithin,
                              [this, rank, once](const Result<rpc::Reply>& outcome) {
                                if (outcome) return;
                                {
                                  const MutexLock lock(mutex_);
                                  silent_until_[rank] = context_.Now() + kSilentFor;
                                }
                                once->End(outcome.error().code);
                              });
}

bool Settling::IsSilent(Rank rank) {
  if (context_.watch.IsLost(rank)) return true;
  return Silent().contains(rank);
}

std::set<Rank> Settling::Silent() const {
  std::set<Rank> silent;
  const MutexLock lock(mutex_);
  for (const auto& [rank, until] : silent_until_) {
    if (context_.Now() < until) silent.insert(rank);
  }
  return silent;
}

void Settling::SettleAlone(const cache::Ledger::Key& file, const FileTime& ctime, Done done) {
  ledger_.SetAlone(file);
  if (ledger_.SettleAlone(file, ctime)) return done({});
  context_.parts.detour.Submit([this, file, done = std::move(done)]() mutable {
    const Result<cache::Ledger::Seals> seals = ledger_.BeginComparison(file, std::nullopt);
    if (!seals) return done(Fail(ESTALE));
    const Equal equal = AreStill(file.path, file.version, seals->chunks);
    if (equal && *equal) ledger_.Settle(file, **equal, seals->comparison);
    done(equal ? Status() : Fail(ESTALE));
  });
}

void Settling::CompareShown(const File& file, Done done) {
  context_.parts.detour.Submit([this, file, done = std::move(done)]() mutable {
    const cache::Shown::Seals seals = file.shown->BeginComparison();
    const Equal equal = AreStill(file.path, file.version, seals.chunks);
    if (equal) file.shown->Settle(seals.comparison, *equal, std::nullopt);
    if (!equal && equal.error().code == ESTALE) file.shown->Refuse();
    done(equal ? Status() : Fail(ESTALE));
  });
}

cache::Ledger::Key Settling::Current(const cache::Ledger::Key& file) const {
  return {file.path, file.version, 0, context_.epochs.Of(file.path, AskedOf::kSource)};
}

Settling::Equal Settling::CompareOwn(const cache::Ledger::Key& file, const std::optional<FileTime>& but_under) {
  const Result<cache::Ledger::Seals> seals = ledger_.BeginComparison(Current(file), but_under);
  if (!seals) return std::unexpected(seals.error());
  return AreStill(file.path, file.version, seals->chunks);
}

Settling::Equal Settling::AreStill(const std::string& path, const FileVersion& version, const Seals& seals) {
  if (!seals.empty()) context_.parts.store.Reopen(path, version);
  std::optional<FileTime> first, other;
  for (const auto& [chunk, seal] : seals) {
    const Result<FileTime> ctime = IsStill(path, version, chunk, seal);
    if (!ctime) return std::unexpected(ctime.error());
    if (!first) first = *ctime;
    if (first != *ctime) other = *ctime;
  }
  return other ? std::nullopt : first;
}

Result<FileTime> Settling::IsStill(const std::string& path, const FileVersion& version, uint64_t chunk,
                                   const Seal& seal) {
  const uint64_t offset = chunk * kChunkSize;
  const size_t size = std::min<uint64_t>(kChunkSize, version.size - offset);
  context_.parts.counters.Count(profile::Event::kReadsAtSource);
  storage::Seen seen;
  const Result<Bytes> bytes = context_.parts.store.Read(path, version, offset, size, seen);
  if (!bytes) return std::unexpected(bytes.error());
  if (!context_.IsWhole(rpc::Kind::kRead, path, version, chunk, *bytes, seal)) return Fail(ESTALE);
  return seen.ctime;
}

void Settling::ServeCompare(const rpc::Request& request, rpc::Responder respond) {
  CompareOnPool(request, [respond = std::move(respond)](int error) mutable { respond({.error = error}); });
}

void Settling::CompareOnPool(const rpc::Request& request, std::move_only_function<void(int)> done) {
  const auto but_under = request.argument == kButUnder ? std::optional(request.ctime) : std::nullopt;
  context_.parts.pool.Submit([this, file = FileOf(request), but_under, done = std::move(done)]() mutable {
    const Equal equal = CompareOwn(file, but_under);
    done(equal ? 0 : equal.error().code);
  });
}

// At the name's root.

void Settling::ServeSettle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  Settle(FileOf(request),
         {from, request.ctime, request.argument != 0, [respond = std::move(respond)](const Status& status) mutable {
            respond({.error = status ? 0 : status.error().code});
          }});
}

void Settling::Settle(const cache::Ledger::Key& file, Subjects::Asker asker) {
  Do(subjects_.Ask(file, std::move(asker), Silent()));
}

void Settling::Do(Subjects::Next next) {
  for (Subjects::Asker& each : next.accepted) each.done({});
  for (Subjects::Asker& each : next.refused) each.done(Fail(ESTALE));
  for (Subjects::Asker& each : next.alone) each.done(Fail(EHOSTDOWN));
  if (next.comparison) Compare(next.comparison);
}

void Settling::Compare(const Subjects::ComparisonPtr& comparison) {
  const cache::Ledger::Key& file = comparison->file;
  context_.parts.log.Debug("{} has another ctime: {} ranks compare what they have read of it", file.path,
                           comparison->readers.size());
  const rpc::Request request =
      RequestOf(rpc::Kind::kCompare, file, comparison->latest, comparison->but_under ? kButUnder : 0);
  for (const auto& [reader, _] : comparison->readers) {
    const auto compared = [this, comparison, reader](int error) {
      if (comparison->Note(reader, error)) Do(subjects_.End(*comparison, Silent()));
    };
    if (reader == context_.options.self) {
      CompareOnPool(request, compared);
    } else {
      Call(reader, request, CompareWithin(file.version.size), compared);
    }
  }
}

void Settling::Forget(const std::string& top) {
  ledger_.Forget(top, context_.epochs.Of(top, AskedOf::kSource));
  subjects_.Forget(top);
}

}  // namespace copper::fetch

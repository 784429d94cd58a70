#include "settling.h"

#include <algorithm>
#include <utility>

#include "copper/base/chunk_size.h"
#include "copper/base/path.h"
#include "deadlines.h"

namespace copper::fetch {
namespace {

// What is known of files whose names are rooted here: of a hundred thousand, no more than a small part of the budget.
// Those that came first leave first: a change of such a file is no longer seen by its ctime.
constexpr size_t kMost = size_t{80} << 20;
constexpr size_t kPart = 16;
constexpr size_t kSubjectSize = 600;  // without the path, which is held twice

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

size_t SizeOf(const cache::Ledger::Key& file) {
  return kSubjectSize + 2 * file.path.size();
}

int ErrorOf(const Result<rpc::Reply>& outcome) {
  return outcome ? outcome->error : outcome.error().code;
}

}  // namespace

Settling::Settling(const Context& context, Upstream& upstream)
    : context_(context),
      upstream_(upstream),
      ledger_(context.parts.cache.budget()),
      most_(std::min<uint64_t>(kMost, context.parts.cache.budget().limit() / kPart)) {}

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
  if (upstream_.IsLost(rank)) return true;
  const MutexLock lock(mutex_);
  return WasSilent(rank);
}

bool Settling::WasSilent(Rank rank) const {
  const auto found = silent_until_.find(rank);
  return found != silent_until_.end() && context_.Now() < found->second;
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

void Settling::Settle(const cache::Ledger::Key& file, Waiting asking) {
  Next next;
  {
    const MutexLock lock(mutex_);
    const auto [found, is_new] = subjects_.try_emplace(file);
    Subject& subject = found->second;
    if (is_new) {
      subject.settled = asking.ctime;
      order_.push_back(file);
      held_ += SizeOf(file);
      context_.parts.cache.budget().Hold(SizeOf(file));
    }
    subject.waiting.push_back(std::move(asking));
    if (subject.is_comparing) return;
    next = Decide(file, subject);
    Bound();
  }
  Do(std::move(next));
}

// What the readers have said so far.
struct Settling::Findings {
  bool differs = false, is_certain = true;
  std::vector<Rank> without;  // who have read nothing that matters
};

struct Settling::Comparison {
  Comparison(cache::Ledger::Key of, Askers for_whom, Readers by)
      : file(std::move(of)), askers(std::move(for_whom)), readers(std::move(by)), missing(readers.size()) {}

  // When all have said it.
  Findings TakeFindings() {
    const MutexLock lock(mutex);
    return std::move(findings);
  }

  const cache::Ledger::Key file;
  Askers askers;
  const Readers readers;
  FileTime latest;
  uint64_t but_under = 0;

  std::atomic<size_t> missing;
  Mutex mutex;
  Findings findings GUARDED_BY(mutex);
};

// Of those who wait, once no comparison is under way.
Settling::Next Settling::Decide(const cache::Ledger::Key& file, Subject& subject) {
  Next next;
  Askers open;
  for (Waiting& each : subject.waiting) {
    Reader& reader = subject.readers[each.from];
    reader.is_former = false;
    reader.may_lack = each.may_lack || reader.may_lack;
    Askers& where = subject.is_stale ? next.refused : subject.settled == each.ctime ? next.accepted : open;
    where.push_back(std::move(each));
  }
  subject.waiting.clear();
  if (open.empty()) return next;
  const auto can_not_tell = [&](const auto& reader)
                                REQUIRES(mutex_) { return !reader.second.is_former && WasSilent(reader.first); };
  if (std::ranges::any_of(subject.readers, can_not_tell)) {
    next.alone = std::move(open);
    return next;
  }
  const FileTime latest = std::ranges::max_element(open, {}, &Waiting::ctime)->ctime;
  const bool is_one = std::ranges::all_of(open, [&](const Waiting& each) { return each.ctime == latest; }) &&
                      (!subject.settled || *subject.settled < latest);
  next.comparison = std::make_shared<Comparison>(file, std::move(open), subject.readers);
  next.comparison->latest = latest;
  next.comparison->but_under = is_one ? kButUnder : 0;
  subject.is_comparing = true;
  return next;
}

void Settling::Do(Next next) {
  for (Waiting& each : next.accepted) each.done({});
  for (Waiting& each : next.refused) each.done(Fail(ESTALE));
  for (Waiting& each : next.alone) each.done(Fail(EHOSTDOWN));
  if (next.comparison) Compare(next.comparison);
}

void Settling::Compare(const ComparisonPtr& comparison) {
  const cache::Ledger::Key& file = comparison->file;
  context_.parts.log.Debug("{} has another ctime: {} ranks compare what they have read of it", file.path,
                           comparison->readers.size());
  const rpc::Request request = RequestOf(rpc::Kind::kCompare, file, comparison->latest, comparison->but_under);
  for (const auto& [reader, _] : comparison->readers) {
    const auto compared = [this, comparison, reader](int error) { OnCompared(*comparison, reader, error); };
    if (reader == context_.options.self) {
      CompareOnPool(request, compared);
    } else {
      Call(reader, request, CompareWithin(file.version.size), compared);
    }
  }
}

void Settling::OnCompared(Comparison& comparison, Rank rank, int error) {
  {
    const Reader& reader = comparison.readers.at(rank);
    const MutexLock lock(comparison.mutex);
    Findings& found = comparison.findings;
    const bool is_lost = error != 0 && error != ESTALE && error != ENOMEM && error != ENODATA;
    const bool can_tell = error != ENOMEM && !reader.may_lack;
    if (error == ESTALE || (!can_tell && !reader.is_former)) found.differs = true;
    if (error == ENODATA || (is_lost && reader.is_former)) found.without.push_back(rank);
    if (is_lost && !reader.is_former) found.is_certain = false;
  }
  if (--comparison.missing == 0) End(comparison);
}

// What differs is no longer of interest when it has been refreshed meanwhile.
void Settling::Judge(const Findings& found, const FileTime& latest, Subject& subject) {
  subject.is_comparing = false;
  for (const Rank rank : found.without) subject.readers.erase(rank);
  if (std::exchange(subject.was_refreshed, false)) return;
  if (found.differs) subject.is_stale = true;
  if (!found.differs && found.is_certain) subject.settled = latest;
}

void Settling::End(Comparison& comparison) {
  const Findings findings = comparison.TakeFindings();
  const int error = findings.differs ? ESTALE : findings.is_certain ? 0 : EHOSTDOWN;
  Next next;
  {
    const MutexLock lock(mutex_);
    if (const auto found = subjects_.find(comparison.file); found != subjects_.end()) {
      Judge(findings, comparison.latest, found->second);
      next = Decide(comparison.file, found->second);
    }
  }
  for (Waiting& each : comparison.askers) each.done(error == 0 ? Status() : Fail(error));
  Do(std::move(next));
}

void Settling::Forget(const std::string& top) {
  ledger_.Forget(top, context_.epochs.Of(top, AskedOf::kSource));
  const MutexLock lock(mutex_);
  for (auto& [file, subject] : subjects_) {
    if (!IsAtOrBelow(file.path, top)) continue;
    subject.was_refreshed = subject.is_comparing;
    subject.is_stale = false;
    subject.settled.reset();
    for (auto& [rank, reader] : subject.readers) reader = {.may_lack = false, .is_former = true};
  }
}

void Settling::Bound() {
  for (size_t looked = order_.size(); held_ > most_ && looked > 1; --looked) {
    const auto oldest = subjects_.find(order_.front());
    if (oldest != subjects_.end() && oldest->second.is_comparing) {
      order_.push_back(order_.front());
    } else if (oldest != subjects_.end()) {
      held_ -= SizeOf(oldest->first);
      context_.parts.cache.budget().Drop(SizeOf(oldest->first));
      subjects_.erase(oldest);
    }
    order_.pop_front();
  }
}

}  // namespace copper::fetch

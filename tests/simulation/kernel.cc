#include "simulation/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <list>

namespace copper::simulation {
namespace {

Duration Scaled(Duration time, double by) {
  return by == 1 ? time : Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) * by));
}

}  // namespace

// Of one request: notices whether it is ever answered, and how late.
class Kernel::Pending {
 public:
  Pending(Kernel& kernel, const Asked& asked) : kernel_(kernel), asked_(asked), since_(kernel.parts_.queue.Now()) {
    ++kernel_.waiting_requests_;
    ++kernel_.requests_;
  }
  ~Pending() {
    --kernel_.waiting_requests_;
    if (!is_answered_ && !kernel_.stopped_) {
      kernel_.parts_.checks.Fail(Check::kForgotten, "nobody answers " + kernel_.Describe(asked_));
    }
  }
  Pending(const Pending&) = delete;

  // False: the kernel is gone, so that nobody hears the answer.
  bool Answer() {
    if (std::exchange(is_answered_, true))
      kernel_.parts_.checks.Fail(Check::kForgotten, "answered twice: " + kernel_.Describe(asked_));
    const Duration took = kernel_.parts_.queue.Now() - since_;
    if (took > kernel_.longest_ && !kernel_.stopped_) {
      kernel_.longest_ = took;
      kernel_.longest_what_ = kernel_.Describe(asked_);
    }
    return !kernel_.stopped_;
  }

 private:
  Kernel& kernel_;
  const Asked asked_;
  const TimePoint since_;
  bool is_answered_ = false;
};

// A file that is being read, until all its pages are here.
struct Kernel::OpenFile {
  std::shared_ptr<fetch::FileReader> reader;
  std::vector<bool> have, asked;  // by block
  size_t missing = 0;
  // What the daemon has to store, and can't as long as requests for these pages are under way: these hold their locks.
  struct Store {
    uint64_t offset;
    Bytes bytes;
    std::move_only_function<void()> taken;
  };
  std::list<Store> stores;
};

// The page cache, as the product's notifier stores into it.
class Kernel::Sink final : public fetch::AheadSink {
 public:
  Sink(Kernel& kernel, NameId id) : kernel_(kernel), id_(id) {}
  void OnAhead(uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) override {
    kernel_.OnAhead(id_, offset, std::move(bytes), std::move(taken));
  }

 private:
  Kernel& kernel_;
  const NameId id_;
};

Kernel::Kernel(KernelParts parts, Host& host, fetch::Fetcher& fetcher, uint32_t processes)
    : parts_(parts),
      host_(host),
      fetcher_(fetcher),
      processes_(processes),
      bits_(parts.workload.tree.size()),
      left_(processes) {
  bits_[kRoot] = kKnown;
}

Kernel::~Kernel() = default;

void Kernel::Start(Duration within, Random& random) {
  for (Who who = 0; who < processes_.size(); ++who) {
    parts_.queue.After(random.Between({}, within), What::kProcess, host_, [this, who] { Go(who); });
  }
}

void Kernel::Stop() {
  stopped_ = true;
  open_.clear();
  waiting_.clear();
}

void Kernel::Go(Who who) {
  if (stopped_) return;
  Process& process = processes_[who];
  process.now = std::max(process.now, parts_.queue.Now());
  const std::vector<Step>& steps = parts_.workload.steps;
  for (; process.step < steps.size(); ++process.step) {
    const Step& step = steps[process.step];
    if (!std::exchange(process.has_thought, true)) process.now += Scaled(step.think, parts_.model.think);
    if (!Do(who, step)) return;
    process.has_thought = false;
    process.offset = 0;
  }
  if (--left_ > 0) return;
  done_at_ = process.now;
  for (const Process& other : processes_) done_at_ = std::max(*done_at_, other.now);
}

bool Kernel::Do(Who who, const Step& step) {
  switch (step.doing) {
    case Doing::kLook:
      return Know(who, step.id);
    case Doing::kList:
      return Know(who, step.id) && List(who, step.id);
    case Doing::kRead:
      break;
  }
  return Know(who, step.id) && Read(who, step.id);
}

bool Kernel::IsKnown(NameId id, TimePoint now) const {
  if ((bits_[id] & kKnown) != 0) return true;
  const auto absent = std::ranges::lower_bound(absent_, id, {}, &Absence::id);
  return absent != absent_.end() && absent->id == id && absent->until > now;
}

void Kernel::NoteAbsence(NameId id, TimePoint until) {
  const auto place = std::ranges::lower_bound(absent_, id, {}, &Absence::id);
  if (place != absent_.end() && place->id == id) {
    place->until = until;
  } else {
    absent_.insert(place, {id, until});
  }
}

// Name by name, from the top.
bool Kernel::Know(Who who, NameId id) {
  const TimePoint now = processes_[who].now;
  if (IsKnown(id, now)) return true;
  NameId unknown = id;
  for (NameId above = parts_.workload.tree.ParentOf(id); !IsKnown(above, now);
       above = parts_.workload.tree.ParentOf(above)) {
    unknown = above;
  }
  const Asked asked{Doing::kLook, unknown};
  if (IsToAsk(who, asked)) Ask(asked);
  return false;
}

bool Kernel::List(Who who, NameId id) {
  if ((bits_[id] & kListed) != 0) return true;
  const Asked asked{Doing::kList, id};
  if (IsToAsk(who, asked)) Ask(asked);
  return false;
}

// The first from this offset on whose pages are not here.
uint64_t Kernel::NextBlock(NameId id, uint64_t offset) const {
  uint64_t block = offset / parts_.model.read_bytes;
  const auto file = open_.find(id);
  if (file == open_.end()) return block;
  const std::vector<bool>& have = file->second->have;
  while (block < have.size() && have[block]) ++block;
  return block;
}

bool Kernel::Read(Who who, NameId id) {
  const uint64_t size = parts_.workload.tree.SizeOf(id);
  if ((bits_[id] & kRead) != 0 || size == 0) return true;
  Process& process = processes_[who];
  uint64_t block = NextBlock(id, process.offset);
  process.offset = block * parts_.model.read_bytes;
  if (process.offset >= size) return true;
  if (!IsToAsk(who, {Doing::kRead, id, static_cast<uint32_t>(block)})) return false;
  OpenFile& file = Open(id);
  const uint64_t end = std::min<uint64_t>(block + parts_.model.reads_at_once, file.have.size());
  for (; block < end; ++block) {
    if (file.have[block] || file.asked[block]) continue;
    file.asked[block] = true;
    Ask({Doing::kRead, id, static_cast<uint32_t>(block)});
  }
  return false;
}

bool Kernel::IsToAsk(Who who, const Asked& asked) {
  const TimePoint when = processes_[who].now;
  Waiting& waiting = waiting_[asked];
  if (waiting.asks <= when) {
    waiting.others.push_back(who);
    return false;
  }
  if (waiting.asks != kNever) waiting.others.push_back(waiting.first);
  waiting.asks = when;
  waiting.first = who;
  waiting.is_asked = when <= parts_.queue.Now();
  if (waiting.is_asked) return true;
  parts_.queue.At(when, What::kProcess, host_, [this, asked, when] { OnTime(asked, when); });
  return false;
}

// It may be known by now.
void Kernel::OnTime(const Asked& asked, TimePoint when) {
  const auto waiting = waiting_.find(asked);
  const bool is_due = waiting != waiting_.end() && waiting->second.asks == when && !waiting->second.is_asked;
  if (!is_due) return;
  const Who first = waiting->second.first;
  std::vector<Who> others = std::move(waiting->second.others);
  waiting_.erase(waiting);
  Go(first);
  const auto again = waiting_.find(asked);
  if (again != waiting_.end()) {
    std::ranges::copy(others, std::back_inserter(again->second.others));
  } else {
    for (const Who who : others) Go(who);
  }
}

void Kernel::Ask(const Asked& asked) {
  const TimePoint now = parts_.queue.Now();
  const TimePoint when = direct_.store != nullptr ? now : Moved(now + parts_.model.request, BytesOf(asked));
  parts_.queue.At(when, What::kAnswer, host_, [this, asked] {
    if (!stopped_) Send(asked);
  });
}

uint64_t Kernel::BytesOf(const Asked& asked) const {
  if (asked.doing != Doing::kRead) return 0;
  const uint64_t offset = uint64_t{asked.block} * parts_.model.read_bytes;
  return std::min<uint64_t>(parts_.model.read_bytes, parts_.workload.tree.SizeOf(asked.id) - offset);
}

TimePoint Kernel::Moved(TimePoint from, uint64_t bytes) {
  if (bytes == 0) return from;
  return parts_.cores.Do(from, Scaled(parts_.model.per_mib, static_cast<double>(bytes) / 0x1p20));
}

void Kernel::Send(const Asked& asked) {
  auto pending = std::make_unique<Pending>(*this, asked);
  if (direct_.store != nullptr) return SendDirect(asked, std::move(pending));
  const std::string& path = parts_.workload.tree.PathOf(asked.id);
  switch (asked.doing) {
    case Doing::kLook:
      return fetcher_.Look(path, [this, asked, pending = std::move(pending)](const Result<fetch::Found>& found) {
        if (pending->Answer()) OnLook(asked, found);
      });
    case Doing::kList:
      return fetcher_.List(path, [this, asked, pending = std::move(pending)](const Result<fetch::Listed>& listed) {
        if (pending->Answer()) OnList(asked, listed);
      });
    case Doing::kRead:
      break;
  }
  // Its pages may have come by another way meanwhile.
  const std::shared_ptr<fetch::FileReader> reader = Open(asked.id).reader;
  reader->Read(uint64_t{asked.block} * parts_.model.read_bytes, BytesOf(asked),
               [this, asked, pending = std::move(pending)](const Result<std::vector<Bytes>>& pieces) {
                 if (pending->Answer()) OnBlock(asked, pieces);
               });
}

void Kernel::SendDirect(const Asked& asked, std::unique_ptr<Pending> pending) {
  direct_.pool->Submit([this, asked, pending = std::move(pending)] {
    const auto answer = [&](const auto& result, auto on_answer) {
      if (pending->Answer()) (this->*on_answer)(asked, result);
    };
    switch (asked.doing) {
      case Doing::kLook:
        return answer(LookDirect(asked), &Kernel::OnLook);
      case Doing::kList:
        return answer(ListDirect(asked), &Kernel::OnList);
      case Doing::kRead:
        return answer(ReadDirect(asked), &Kernel::OnBlock);
    }
  });
}

// What a client of the source has seen it keeps, absence too.
Result<fetch::Found> Kernel::LookDirect(const Asked& asked) const {
  Result<Attributes> seen = direct_.store->Look(parts_.workload.tree.PathOf(asked.id));
  if (!seen && seen.error().code == ENOENT) return fetch::Found{};
  if (!seen) return std::unexpected(seen.error());
  return fetch::Found{.attributes = std::make_shared<const Attributes>(*std::move(seen))};
}

Result<fetch::Listed> Kernel::ListDirect(const Asked& asked) const {
  Result<Listing> listing = direct_.store->List(parts_.workload.tree.PathOf(asked.id), {});
  if (!listing) return std::unexpected(listing.error());
  return fetch::Listed{.listing = std::make_shared<const Listing>(*std::move(listing))};
}

Result<std::vector<Bytes>> Kernel::ReadDirect(const Asked& asked) const {
  const uint64_t offset = uint64_t{asked.block} * parts_.model.read_bytes;
  Result<Bytes> bytes =
      direct_.store->Read(parts_.workload.tree.PathOf(asked.id), VersionOf(asked.id), offset, parts_.model.read_bytes);
  if (!bytes) return std::unexpected(bytes.error());
  return std::vector<Bytes>{*std::move(bytes)};
}

FileVersion Kernel::VersionOf(NameId id) const {
  const auto other = other_version_.find(id);
  return other != other_version_.end() ? other->second : parts_.workload.tree.FirstVersionOf(id);
}

Kernel::OpenFile& Kernel::Open(NameId id) {
  std::unique_ptr<OpenFile>& file = open_[id];
  if (file) return *file;
  file = std::make_unique<OpenFile>();
  const fetch::File opened = fetcher_.Open(parts_.workload.tree.PathOf(id), VersionOf(id));
  file->reader = std::make_shared<fetch::FileReader>(fetcher_, opened, std::make_shared<Sink>(*this, id));
  const uint64_t blocks = (parts_.workload.tree.SizeOf(id) + parts_.model.read_bytes - 1) / parts_.model.read_bytes;
  file->have.resize(blocks);
  file->asked.resize(blocks);
  file->missing = blocks;
  return *file;
}

void Kernel::OnLook(const Asked& asked, const Result<fetch::Found>& found) {
  if (!found) return OnError(asked, found.error());
  CheckAttributes(asked.id, found->attributes.get());
  if (found->attributes) {
    bits_[asked.id] |= kKnown;
    const FileVersion version = found->attributes->version();
    if (version != parts_.workload.tree.FirstVersionOf(asked.id)) other_version_[asked.id] = version;
  } else {
    NoteAbsence(asked.id, std::max(found->valid_until, parts_.queue.Now() + nanoseconds(1)));
  }
  Wake(asked);
}

void Kernel::OnList(const Asked& asked, const Result<fetch::Listed>& listed) {
  if (!listed) return OnError(asked, listed.error());
  const std::vector<NameId>& names = parts_.workload.tree.ChildrenOf(asked.id);
  parts_.checks.Expect(listed->listing->size() == names.size(), Check::kBytes, "other names: " + Describe(asked));
  bits_[asked.id] |= kListed;
  for (const DirectoryEntry entry : listed->listing->entries()) {
    if (!entry.has_attributes()) break;
    for (const NameId name : names) bits_[name] |= kKnown;
    break;
  }
  Wake(asked);
}

void Kernel::CheckAttributes(NameId id, const Attributes* attributes) {
  const FileTree& tree = parts_.workload.tree;
  const bool is_absent = tree.KindOf(id) == NameKind::kAbsent;
  const bool right = is_absent ? attributes == nullptr
                               : attributes != nullptr && attributes->IsDirectory() == tree.IsDirectory(id) &&
                                     tree.IsVersion(id, attributes->version());
  if (right) return;
  parts_.checks.Fail(Check::kBytes,
                     fmt::format("rank {} is told {} of {}", host_.rank(),
                                 attributes == nullptr ? "absence" : "other attributes", tree.PathOf(id)));
}

void Kernel::CheckBytes(NameId id, const FileVersion& version, uint64_t offset, const Bytes& bytes) {
  if (parts_.workload.tree.IsContent(id, version, offset, bytes)) return;
  parts_.checks.Fail(Check::kBytes, fmt::format("rank {} gets other bytes of {} at {}", host_.rank(),
                                                parts_.workload.tree.PathOf(id), offset));
}

void Kernel::OnBlock(const Asked& asked, const Result<std::vector<Bytes>>& pieces) {
  if (!pieces) return OnError(asked, pieces.error());
  const auto file = open_.find(asked.id);
  const FileVersion version = VersionOf(asked.id);
  const uint64_t begin = uint64_t{asked.block} * parts_.model.read_bytes;
  uint64_t offset = begin;
  for (const Bytes& piece : *pieces) {
    const bool spoil = std::exchange(spoils_, false);
    CheckBytes(asked.id, version, offset, spoil ? Bytes::Zeros(piece.size()) : piece);
    offset += piece.size();
  }
  const uint64_t expected = std::min<uint64_t>(parts_.model.read_bytes, version.size - begin);
  parts_.checks.Expect(offset - begin == expected, Check::kBytes, "too few bytes: " + Describe(asked));
  if (file == open_.end()) return;
  NoteBlocks(asked.id, begin, offset - begin);
  Store(asked.id);
}

void Kernel::OnAhead(NameId id, uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) {
  const TimePoint moved = Moved(parts_.queue.Now(), bytes.size());
  parts_.queue.At(moved, What::kAnswer, host_,
                  [this, id, offset, bytes = std::move(bytes), taken = std::move(taken)]() mutable {
                    const auto file = open_.find(id);
                    if (stopped_ || file == open_.end()) return;
                    file->second->stores.push_back({offset, std::move(bytes), std::move(taken)});
                    Store(id);
                  });
}

bool Kernel::IsLocked(const OpenFile& file, uint64_t offset, uint64_t size) const {
  const uint64_t end = std::min<uint64_t>((offset + size - 1) / parts_.model.read_bytes + 1, file.have.size());
  for (uint64_t block = offset / parts_.model.read_bytes; block < end; ++block) {
    if (file.asked[block] && !file.have[block]) return true;
  }
  return false;
}

void Kernel::Store(NameId id) {
  OpenFile& file = *open_.at(id);
  for (auto store = file.stores.begin(); store != file.stores.end();) {
    if (store->bytes.empty() || IsLocked(file, store->offset, store->bytes.size())) {
      ++store;
      continue;
    }
    OpenFile::Store now = std::move(*store);
    file.stores.erase(store);
    CheckBytes(id, VersionOf(id), now.offset, now.bytes);
    now.taken();
    NoteBlocks(id, now.offset, now.bytes.size());
    store = file.stores.begin();  // others may have come
  }
}

// These bytes are in the page cache from now on.
void Kernel::NoteBlocks(NameId id, uint64_t offset, uint64_t size) {
  OpenFile& file = *open_.at(id);
  const uint64_t file_size = parts_.workload.tree.SizeOf(id);
  std::vector<Asked> came;
  for (uint64_t block = offset / parts_.model.read_bytes; block < file.have.size(); ++block) {
    const uint64_t end = std::min<uint64_t>((block + 1) * parts_.model.read_bytes, file_size);
    if (end > offset + size) break;
    if (file.have[block]) continue;
    file.have[block] = true;
    --file.missing;
    came.push_back({Doing::kRead, id, static_cast<uint32_t>(block)});
  }
  if (file.missing == 0) {
    bits_[id] |= kRead;
    // Not now: it is its reader that calls.
    parts_.queue.After({}, What::kProcess, host_, [this, id] { open_.erase(id); });
  }
  for (const Asked& asked : came) Wake(asked);
}

void Kernel::OnError(const Asked& asked, const Error& error) {
  const bool may_be = parts_.workload.tree.MayErr(asked.id) && (error.code == EIO || error.code == ESTALE);
  if (may_be) {
    ++source_errors_;
  } else {
    parts_.checks.Fail(Check::kErrors, fmt::format("errno {} for {}", error.code, Describe(asked)));
  }
  const auto file = open_.find(asked.id);
  if (asked.doing == Doing::kRead && file != open_.end()) file->second->asked[asked.block] = false;
  Wake(asked, /*failed=*/true);
}

void Kernel::Wake(const Asked& asked, bool failed) {
  const auto waiting = waiting_.extract(asked);
  if (waiting.empty()) return;
  GoOn(waiting.mapped().first, failed);
  for (const Who who : waiting.mapped().others) GoOn(who, failed);
}

void Kernel::GoOn(Who who, bool failed) {
  if (failed) {
    Process& process = processes_[who];
    ++process.step;
    process.offset = 0;
    process.has_thought = false;
  }
  Go(who);
}

std::string Kernel::Describe(const Asked& asked) const {
  static constexpr std::string_view kDoing[] = {"look at", "list", "read"};
  return fmt::format("rank {}: {} {}{}", host_.rank(), kDoing[static_cast<size_t>(asked.doing)],
                     parts_.workload.tree.PathOf(asked.id),
                     asked.doing == Doing::kRead ? fmt::format(", block {}", asked.block) : "");
}

}  // namespace copper::simulation

#include "copper/names/listing_builder.h"

#include <sys/mman.h>

#include <algorithm>
#include <functional>

#include "copper/names/packed_attributes.h"
#include "names/name_order.h"
#include "names/packed_listing.h"

namespace copper {
namespace {

constexpr size_t kRunSize = size_t{1} << 20;
constexpr size_t kPage = 4096;
constexpr size_t kReleaseAt = size_t{64} << 10;  // what a run keeps of what has been merged, at most

// Gives the pages within [begin, end) back to the system; they read as zeros from now on.
void ReleasePages(std::byte* begin, std::byte* end) {
  const auto first = (reinterpret_cast<uintptr_t>(begin) + kPage - 1) / kPage * kPage;
  const auto last = reinterpret_cast<uintptr_t>(end) / kPage * kPage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace

// The entries of a run that have not been merged yet.
class ListingBuilder::RunReader {
 public:
  explicit RunReader(const Run& run)
      : released_(run.bytes.data()), at_(run.bytes.data()), left_(run.names), key_(name_order::KeyOf(name())) {}

  std::string_view name() const { return packed::NameOf(at_); }
  const name_order::Key& key() const { return key_; }
  std::span<const std::byte> entry() const { return {at_, packed::SizeOf(at_)}; }
  // False at the end.
  bool Next() {
    at_ += packed::SizeOf(at_);
    if (static_cast<size_t>(at_ - released_) >= kReleaseAt) {
      ReleasePages(released_, at_);
      released_ = at_;
    }
    if (--left_ == 0) return false;
    key_ = name_order::KeyOf(name());
    return true;
  }

 private:
  std::byte* released_;
  std::byte* at_;
  size_t left_;
  name_order::Key key_;
};

ListingBuilder::ListingBuilder(Attributes directory, size_t max_bytes)
    : directory_(std::move(directory)),
      max_bytes_(std::min(max_bytes, kMaxBytes)),
      total_(packed::kHead + PackedSize(directory_)) {}

Status ListingBuilder::Add(std::string_view name, uint64_t inode, uint8_t type, const Attributes* attributes) {
  const size_t size = packed::kEntryHead + name.size() + (attributes != nullptr ? PackedSize(*attributes) : 0);
  if (total_ + size > max_bytes_) return Fail(ENOMEM);
  if (!open_.empty() && open_.size() + size > kRunSize) CloseRun();
  added_.push_back({name_order::HashOf(name), static_cast<uint32_t>(open_.size())});
  open_.resize(open_.size() + size);
  Writer writer(open_.data() + added_.back().at);
  writer.Add(static_cast<uint16_t>(name.size()));
  writer.Add(type);
  writer.Add(attributes != nullptr ? packed::kHasAttributes : uint8_t{0});
  writer.Add(inode);
  writer.AddText(name);
  if (attributes != nullptr) Pack(*attributes, writer);
  total_ += size;
  ++size_;
  return {};
}

void ListingBuilder::CloseRun() {
  if (added_.empty()) return;
  std::ranges::sort(added_, [this](const Added& one, const Added& other) {
    if (one.hash != other.hash) return one.hash < other.hash;
    return packed::NameOf(open_.data() + one.at) < packed::NameOf(open_.data() + other.at);
  });
  Run run{Buffer::Allocate(open_.size()), added_.size()};
  std::byte* to = run.bytes.data();
  for (const Added& next : added_) {
    const std::byte* const entry = open_.data() + next.at;
    to = std::copy_n(entry, packed::SizeOf(entry), to);
  }
  runs_.push_back(std::move(run));
  open_.clear();
  added_.clear();
}

Listing ListingBuilder::Build(bool answers_absence) {
  CloseRun();
  open_ = {};
  added_ = {};
  Buffer result = Buffer::Allocate(total_);
  std::vector<uint32_t> offsets;
  offsets.reserve(size_);
  const size_t used = Merge(result.data(), offsets);
  Writer writer(result.data());
  writer.Add(static_cast<uint32_t>(offsets.size()));
  writer.Add(answers_absence ? packed::kAnswersAbsence : uint32_t{0});
  Pack(directory_, writer);
  runs_.clear();
  return {std::move(result).Freeze(used), directory_, answers_absence, std::move(offsets)};
}

// Entries behind each other from where they begin in `result`; returns where they end.
size_t ListingBuilder::Merge(std::byte* result, std::vector<uint32_t>& offsets) {
  std::vector<RunReader> heap(runs_.begin(), runs_.end());  // the first name on top
  std::ranges::make_heap(heap, std::greater(), &RunReader::key);
  size_t used = packed::kHead + PackedSize(directory_);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater(), &RunReader::key);
    RunReader& first = heap.back();
    if (offsets.empty() || packed::NameOf(result + offsets.back()) != first.name()) {
      offsets.push_back(static_cast<uint32_t>(used));
      used = static_cast<size_t>(std::ranges::copy(first.entry(), result + used).out - result);
    }
    if (first.Next()) {
      std::ranges::push_heap(heap, std::greater(), &RunReader::key);
    } else {
      heap.pop_back();
    }
  }
  return used;
}

}  // namespace copper

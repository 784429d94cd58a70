#include "fabric/receives.h"

#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

#include "copper/base/attempt.h"
#include "copper/base/chunk_size.h"
#include "fabric/descriptors.h"

namespace copper::fabric {
namespace {

// Copied when a chunk comes: 16 KiB of 1 MiB.
constexpr size_t kFront = size_t{16} << 10;
// Smaller payloads are copied to memory of their size, larger ones keep the buffer they arrived in.
constexpr size_t kHandOverFrom = kChunkSize / 4 * 3;
// What may stay touched of buffers that wait.
constexpr size_t kMayStayUsed = Receives::kSpare * kChunkSize;

// 170 bytes each.
constexpr size_t kMostFailed = 4096;

constexpr Duration kPostRetry = std::chrono::milliseconds(1);
constexpr Duration kFailedRetry = std::chrono::milliseconds(100);
constexpr Duration kBetweenLooks = std::chrono::milliseconds(100);
constexpr Duration kBetweenCounts = std::chrono::seconds(10);

}  // namespace

Receives::Receives(Transport& transport, size_t head_size, std::atomic<size_t>& unfinished, Logger& log)
    : transport_(transport),
      head_size_(head_size),
      front_size_(scatters() ? kFront : kChunkSize),
      unfinished_(unfinished),
      log_(log),
      descriptors_before_(CountDescriptors()) {
  while (operations_.size() < kSpare) AddOne();
}

bool Receives::grows() const {
  const uint32_t format = transport_.info->addr_format;
  const bool connects = format == FI_SOCKADDR_IN || format == FI_SOCKADDR_IN6;
  return connects && (transport_.info->domain_attr->mr_mode & FI_MR_LOCAL) == 0;
}

void Receives::AddOne() {
  unposted_.reserve(operations_.size() + 1);  // so that it has room whenever a receive ends
  operations_.push_back(std::make_unique<ReceiveOperation>());
  unposted_.push_back(operations_.back().get());
}

// Gives the operation the memory that it lacks.
Status Receives::Prepare(ReceiveOperation& operation) {
  if (!operation.front) {
    operation.front = Buffer::Allocate(head_size_ + front_size_);
    auto region = transport_.Register({operation.front.data(), operation.front.size()}, FI_RECV);
    if (!region) return std::unexpected(std::move(region).error());
    operation.front_region = std::move(*region);
  }
  if (scatters() && !operation.rest) {
    operation.rest = chunks_.Allocate(kChunkSize);
    TakeIntoUse(operation);
    auto region = transport_.Register({operation.rest.data(), kChunkSize}, FI_RECV);
    if (!region) return std::unexpected(std::move(region).error());
    operation.rest_region = std::move(*region);
  }
  return {};
}

ssize_t Receives::PostOne(ReceiveOperation& operation) {
  const Status prepared = Attempt([&] { return Prepare(operation); });
  if (!prepared) return -prepared.error().code;
  std::array vectors = {iovec{operation.front.data(), operation.front.size()}, iovec{}};
  if (scatters()) vectors[1] = {operation.rest.data() + front_size_, kChunkSize - front_size_};
  std::array descriptors = {DescriptorOf(operation.front_region), DescriptorOf(operation.rest_region)};
  operation.HandOver();
  const ssize_t code = fi_recvv(transport_.endpoint.get(), vectors.data(), descriptors.data(), scatters() ? 2 : 1,
                                FI_ADDR_UNSPEC, &operation.context);
  if (code == 0) operation.number = ++posted_;
  return code;
}

TimePoint Receives::Post(TimePoint now) {
  while (!unposted_.empty()) {
    const ssize_t code = PostOne(*unposted_.back());
    if (code == 0) {
      unposted_.pop_back();
    } else if (operations_.size() > kSpare) {  // the rest will do
      most_ = std::max(operations_.size() - 1, kSpare);
      target_ = std::min(target_, most_);
      Remove(*unposted_.back());
    } else {
      return now + NoteFailure(code);
    }
  }
  return kNever;
}

// How long to wait with the next attempt.
Duration Receives::NoteFailure(ssize_t code) {
  if (code == -FI_EAGAIN || code == -FI_ENOMEM) return kPostRetry;
  if (!std::exchange(refused_, true)) {
    log_.Error("cannot receive from the fabric: {}; it is tried again", fi_strerror(static_cast<int>(-code)));
  }
  return kFailedRetry;
}

void Receives::Remove(const ReceiveOperation& operation) {
  used_ -= operation.used;
  std::erase(unposted_, &operation);
  std::erase_if(operations_, [&](const auto& one) { return one.get() == &operation; });
}

Bytes Receives::TakePayload(ReceiveOperation& operation, size_t size) {
  const std::span<const std::byte> front(operation.front.data() + head_size_, std::min(size, front_size_));
  if (size <= front_size_) return Bytes::Copy(front);
  const bool hand_over = size >= kHandOverFrom;
  Buffer whole = hand_over ? std::move(operation.rest) : Buffer::Allocate(size);
  std::ranges::copy(front, whole.data());
  if (hand_over) {
    operation.rest_region.reset();
    used_ -= std::exchange(operation.used, 0);
    ++chunks_taken_;
  } else {
    std::copy(operation.rest.data() + front_size_, operation.rest.data() + size, whole.data() + front_size_);
    NoteUsed(operation, size - front_size_);
  }
  return std::move(whole).Freeze(size);
}

void Receives::NoteUsed(ReceiveOperation& operation, size_t bytes) {
  used_ -= operation.used;
  operation.used = std::max(operation.used, bytes);
  used_ += operation.used;
  if (used_ > kMayStayUsed) GiveBack(operation);
}

// What the allocator gives may have been touched before. Beyond what may stay so the kernel takes it back at once.
void Receives::TakeIntoUse(ReceiveOperation& operation) {
  if (used_ + kChunkSize > kMayStayUsed) {
    madvise(operation.rest.data(), kChunkSize, MADV_DONTNEED);
  } else {
    NoteUsed(operation, kChunkSize);
  }
}

// The kernel takes the memory back, the address space stays. Not while it is registered: then it may be pinned.
void Receives::GiveBack(ReceiveOperation& operation) {
  operation.rest_region.reset();
  if (operation.rest) madvise(operation.rest.data(), kChunkSize, MADV_DONTNEED);
  operation.rest = {};
  used_ -= std::exchange(operation.used, 0);
}

void Receives::Complete(ReceiveOperation& operation, size_t size, Receiver& receiver) {
  if (operation.number == 0) return;
  if (size >= head_size_ && size <= head_size_ + kChunkSize) {
    Bytes payload;
    const Status taken = Attempt([&] { payload = TakePayload(operation, size - head_size_); });
    if (taken) receiver.OnArrival({{operation.front.data(), head_size_}, std::move(payload)});
    if (!taken) log_.Debug("dropped a datagram of {} bytes: no memory", size);
  } else {
    log_.Debug("dropped a datagram of {} bytes: too short", size);
  }
  Ended(operation);
}

// ofi_rxm 1.17 reports a receive again, at any time, whose sender has gone away while it was read from: what has failed
// is not posted again, but kept for long, without its memory, so that later reports can be told.
void Receives::Fail(ReceiveOperation& operation, int error) {
  if (operation.number == 0) return;
  log_.Debug("a receive ended with: {}", fi_strerror(error));
  GiveBack(operation);
  operation.front_region.reset();
  operation.front = {};
  NoteEnd(operation);
  const auto own = std::ranges::find(operations_, &operation, &std::unique_ptr<ReceiveOperation>::get);
  failed_.push_back(std::move(*own));
  if (failed_.size() > kMostFailed) failed_.pop_front();
  operations_.erase(own);
  Fill();
}

void Receives::Ended(ReceiveOperation& operation) {
  NoteEnd(operation);
  unposted_.push_back(&operation);
  if (operations_.size() > target_) Remove(operation);
}

void Receives::NoteEnd(ReceiveOperation& operation) {
  ++ended_;
  last_used_ = std::max(last_used_, operation.number);
  operation.number = 0;
}

size_t Receives::CountConnections() const {
  const size_t descriptors = grows() ? CountDescriptors() : 0;
  return descriptors > descriptors_before_ ? descriptors - descriptors_before_ : 0;
}

// Messages that had begun by the receive of that number, and are not at their end.
size_t Receives::CountStuck(uint64_t begun_then) const {
  return static_cast<size_t>(std::ranges::count_if(
      operations_, [=](const auto& one) { return one->number != 0 && one->number <= begun_then; }));
}

void Receives::Look() {
  const bool streaming = std::exchange(chunks_taken_, 0) >= kSpare;
  target_ = std::min(kSpare + (streaming ? CountStuck(begun_at_look_) : CountConnections()), most_);
  begun_at_look_ = last_used_;
  look_ = streaming;  // until it ends
  Fill();
}

// Without memory for more it goes on with those that there are.
void Receives::Fill() {
  static_cast<void>(Attempt([&] {
    while (operations_.size() < target_) AddOne();
  }));
}

TimePoint Receives::Watch(TimePoint now, bool stirred) {
  look_ = look_ || stirred;
  if (look_ && now >= next_look_) {
    next_look_ = now + kBetweenLooks;
    Look();
  }
  if (now >= next_count_) CountUnfinished(now);
  if (next_count_ == kNever && ended_ < last_used_) next_count_ = now + kBetweenCounts;
  return std::min(look_ ? next_look_ : kNever, next_count_);
}

void Receives::CountUnfinished(TimePoint now) {
  const size_t left = CountStuck(begun_at_count_);
  unfinished_.store(left, std::memory_order_relaxed);
  begun_at_count_ = last_used_;
  next_count_ = ended_ < last_used_ ? now + kBetweenCounts : kNever;
  if (left == 0 || std::exchange(warned_, true)) return;
  log_.Warning(
      "{} messages to this rank began 10 s ago or more and have not ended: from frozen ranks, or from somebody who is "
      "not of this job. It receives on; more of them are only counted (`copper status --json`: unfinished)",
      left);
}

}  // namespace copper::fabric

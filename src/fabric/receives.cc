#include "fabric/receives.h"

#include <sys/uio.h>

#include <array>

#include "copper/base/file.h"

namespace copper::fabric {
namespace {

// Enough to cover the time from an arrival to the next post. The memory of a buffer is touched only by what arrives.
constexpr size_t kPosted = 8;
// Smaller payloads are copied to memory of their size, larger ones keep the buffer they arrived in.
constexpr size_t kHandOverFrom = kChunkSize / 4 * 3;

}  // namespace

Receives::Receives(Transport& transport, size_t head_size, Logger& log)
    : transport_(transport), head_size_(head_size), log_(log) {
  for (size_t i = 0; i < kPosted; ++i) {
    operations_.push_back(std::make_unique<ReceiveOperation>());
    unposted_.push_back(operations_.back().get());
  }
}

// Gives the operation the memory that it lacks.
Status Receives::Prepare(ReceiveOperation& operation) {
  if (operation.head.empty()) {
    operation.head.resize(scatters() ? head_size_ : head_size_ + kChunkSize);
    auto region = transport_.Register(operation.head, FI_RECV);
    if (!region) return std::unexpected(std::move(region).error());
    operation.head_region = std::move(*region);
  }
  if (scatters() && !operation.payload) {
    operation.payload = chunks_.Allocate(kChunkSize);
    auto region = transport_.Register({operation.payload.data(), kChunkSize}, FI_RECV);
    if (!region) return std::unexpected(std::move(region).error());
    operation.payload_region = std::move(*region);
  }
  return {};
}

ssize_t Receives::PostOne(ReceiveOperation& operation) {
  if (const Status prepared = Prepare(operation); !prepared) return -prepared.error().code;
  const std::array vectors = {iovec{operation.head.data(), operation.head.size()},
                              iovec{operation.payload.data(), operation.payload.size()}};
  std::array descriptors = {DescriptorOf(operation.head_region), DescriptorOf(operation.payload_region)};
  operation.HandOver();
  return fi_recvv(transport_.endpoint.get(), vectors.data(), descriptors.data(), scatters() ? 2 : 1, FI_ADDR_UNSPEC,
                  &operation.context);
}

bool Receives::Post() {
  while (!unposted_.empty()) {
    const ssize_t code = PostOne(*unposted_.back());
    if (code == -FI_EAGAIN || code == -FI_ENOMEM) return false;
    if (code != 0) log_.Error("cannot receive from the fabric: {}", fi_strerror(static_cast<int>(-code)));
    unposted_.pop_back();
  }
  return true;
}

Bytes Receives::TakePayload(ReceiveOperation& operation, size_t size) const {
  if (!scatters()) return Bytes::Copy(std::span(operation.head).subspan(head_size_, size));
  if (size < kHandOverFrom) return Bytes::Copy({operation.payload.data(), size});
  operation.payload_region.reset();
  return std::move(operation.payload).Freeze(size);
}

void Receives::Complete(ReceiveOperation& operation, size_t size, Receiver& receiver) {
  if (size >= head_size_ && size <= head_size_ + kChunkSize) {
    Bytes payload;
    if (size > head_size_) payload = TakePayload(operation, size - head_size_);
    receiver.OnArrival({std::span(operation.head).first(head_size_), std::move(payload)});
  } else {
    log_.Debug("dropped a datagram of {} bytes: too short", size);
  }
  unposted_.push_back(&operation);
}

void Receives::Fail(ReceiveOperation& operation, int error) {
  log_.Debug("a receive ended with: {}", fi_strerror(error));
  if (error != FI_ECANCELED) unposted_.push_back(&operation);
}

}  // namespace copper::fabric

// The receiving side: a number of receives always posted, each with room for a head and a whole chunk.
#pragma once

#include <memory>
#include <vector>

#include "copper/base/chunk_allocator.h"
#include "copper/base/log.h"
#include "fabric/operation.h"
#include "fabric/transport.h"

namespace copper::fabric {

// The progress thread's alone.
class Receives {
 public:
  Receives(Transport& transport, size_t head_size, Logger& log);

  // Posts what is not posted. False if the provider has no room now: try again soon.
  bool Post();
  // A datagram of `size` bytes is there. Too short ones are dropped.
  void Complete(ReceiveOperation& operation, size_t size, Receiver& receiver);
  // A receive ended without one (the peer broke off, or sent too much); it is posted again.
  void Fail(ReceiveOperation& operation, int error);

 private:
  Status Prepare(ReceiveOperation& operation);
  ssize_t PostOne(ReceiveOperation& operation);
  Bytes TakePayload(ReceiveOperation& operation, size_t size) const;
  bool scatters() const { return transport_.info->rx_attr->iov_limit >= 2; }

  Transport& transport_;
  const size_t head_size_;
  Logger& log_;
  ChunkAllocator chunks_;
  std::vector<std::unique_ptr<ReceiveOperation>> operations_;
  std::vector<ReceiveOperation*> unposted_;
};

}  // namespace copper::fabric

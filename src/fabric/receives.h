// The receiving side: receives posted ahead, each with room for a head and a whole chunk.
//
// Some providers (net of libfabric 1.17, the tcp of later ones) take a posted receive as soon as a message begins, and
// before anything is known of its sender. So messages that never end (a frozen peer, or somebody who is not of this
// job) must not use up the receives: there are kSpare more than messages can have begun. A message that has begun holds
// a connection, and so an open descriptor of this process; what was open before the first connection does not count.
// Where memory must be registered it is pinned, and nobody but the fabric can begin a message: there it stays at
// kSpare.
//
// Receives are used in the order in which they were posted, so that their buffers are all touched, in turn: the first
// kFront bytes of a payload arrive beside the head, and only what is longer touches the memory of a chunk, of which no
// more stays touched than kSpare chunks need. While chunks stream in, that memory is to be used again and again, and
// not to be taken from the kernel for each chunk: so there are then only kSpare more than messages that are known to be
// stuck, and as many as can have begun again as soon as the stream ends, or is held up by more of these (at most
// kBetweenLooks later).
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "copper/base/chunk_allocator.h"
#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "fabric/operation.h"
#include "fabric/transport.h"

namespace copper::fabric {

// The progress thread's alone.
class Receives {
 public:
  // Enough to cover the time from an arrival to the next post.
  static constexpr size_t kSpare = 8;
  // What messages that do not end can take: 1 GiB of address space, and as much memory as they fill of it.
  static constexpr size_t kMost = 1024;

  // `unfinished` is kept at the number of messages that began some 10 s ago or longer, and have not ended.
  Receives(Transport& transport, size_t head_size, std::atomic<size_t>& unfinished, Logger& log);

  // Posts what is not posted. Returns when to try again what the provider has no room for now; kNever if all is posted.
  TimePoint Post(TimePoint now);
  // A datagram of `size` bytes is there. Too short ones are dropped.
  void Complete(ReceiveOperation& operation, size_t size, Receiver& receiver);
  // A receive ended without one (the connection was closed, or sent too much); another takes its place.
  void Fail(ReceiveOperation& operation, int error);
  // Looks how many receives there must be, if it is time: soon after anything `stirred` (a message may have begun), and
  // while messages are unfinished. Returns when to look again.
  TimePoint Watch(TimePoint now, bool stirred);

 private:
  Status Prepare(ReceiveOperation& operation);
  ssize_t PostOne(ReceiveOperation& operation);
  Duration NoteFailure(ssize_t code);
  void AddOne();
  void Fill();
  void Remove(const ReceiveOperation& operation);
  void NoteUsed(ReceiveOperation& operation, size_t bytes);
  void TakeIntoUse(ReceiveOperation& operation);
  void GiveBack(ReceiveOperation& operation);
  void Ended(ReceiveOperation& operation);
  void NoteEnd(ReceiveOperation& operation);
  void Look();
  size_t CountConnections() const;
  size_t CountStuck(uint64_t begun_then) const;
  void CountUnfinished(TimePoint now);
  Bytes TakePayload(ReceiveOperation& operation, size_t size);
  bool scatters() const { return transport_.info->rx_attr->iov_limit >= 2; }
  bool grows() const;

  Transport& transport_;
  const size_t head_size_;
  const size_t front_size_;  // of the payload
  std::atomic<size_t>& unfinished_;
  Logger& log_;
  ChunkAllocator chunks_;
  std::vector<std::unique_ptr<ReceiveOperation>> operations_;
  std::vector<ReceiveOperation*> unposted_;
  std::deque<std::unique_ptr<ReceiveOperation>> failed_;  // the last ones
  size_t target_ = kSpare;
  size_t most_ = kMost;   // less where the provider takes fewer
  size_t used_ = 0;       // bytes, over all operations
  bool refused_ = false;  // a post, and that was logged

  const size_t descriptors_before_;  // open descriptors before the first connection
  TimePoint next_look_{};
  bool look_ = false;
  size_t chunks_taken_ = 0;  // since the last look

  uint64_t posted_ = 0;          // the number of the last receive posted
  uint64_t ended_ = 0;           // how many have ended
  uint64_t last_used_ = 0;       // the highest number that has ended: all before it have begun
  uint64_t begun_at_look_ = 0;   // last_used_ at the last look
  uint64_t begun_at_count_ = 0;  // last_used_ when the unfinished ones were counted last
  TimePoint next_count_ = kNever;
  bool warned_ = false;
};

}  // namespace copper::fabric

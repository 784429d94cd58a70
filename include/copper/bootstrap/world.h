// All ranks of a job, as they meet at its two ends, before and after they talk over the fabric: MPI (mpi_world.h), or
// ranks in one process, for tests.
//
// All but Send, Receive and Abandon are collectives: called by every rank, in the same order. One thread. All but
// Abandon block.
#pragma once

#include <string>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/base/result.h"

namespace copper::bootstrap {

class World {
 public:
  virtual ~World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Rank rank() const { return rank_; }
  uint32_t size() const { return size_; }

  // result[r] is what rank r gave; any length.
  virtual std::vector<std::string> AllGather(const std::string& mine) = 0;
  // What `root` has, to all.
  virtual std::string Broadcast(Rank root, const std::string& from_root) = 0;
  // The least that any rank gave.
  virtual uint32_t Least(uint32_t mine) = 0;
  // ETIMEDOUT where some rank did not come; the world is abandoned then. ESHUTDOWN where it was before.
  virtual Status Barrier(TimePoint deadline) = 0;
  // The first failure of any rank, the same on all, with host and rank in its message.
  Status Agree(const Status& mine, const std::string& host);

  // From one rank to another, which has to ask for it: a message of at most INT_MAX bytes, resp. `most`. ETIMEDOUT; the
  // world is abandoned then. ESHUTDOWN where it was before.
  virtual Status Send(Rank to, const Bytes& message, TimePoint deadline) = 0;
  virtual Result<Bytes> Receive(Rank from, size_t most, TimePoint deadline) = 0;

  // A rank is lost: from now on no other is waited for, since that might never be over.
  virtual void Abandon() = 0;
  // No rank needs the others any more. Nothing, where the world was abandoned.
  virtual void Finalize() = 0;

 protected:
  World(Rank rank, uint32_t size) : rank_(rank), size_(size) {}

 private:
  const Rank rank_;
  const uint32_t size_;
};

}  // namespace copper::bootstrap

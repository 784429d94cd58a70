// Blocking calls of the source on the pool, with deadlines: past its deadline the asker is told ETIMEDOUT, and the
// pool thread that hangs in the source is the only one that goes on waiting.
#pragma once

#include <atomic>
#include <memory>

#include "copper/base/worker_pool.h"
#include "copper/rpc/waits.h"
#include "fetch/single_flight.h"

namespace copper::fetch {

struct Ticket {
  uint64_t number;
  bool operator==(const Ticket&) const = default;
};
inline uint64_t HashOf(const Ticket& ticket) {
  return Hash(ticket.number);
}

// Each call is a flight of its own. One lock: each is a system call, or more.
template <class T>
class PoolCalls : public SingleFlight<Ticket, T, 1> {
 public:
  // `work` runs once, on the pool, whether or not the asker still waits; `wait` is over when it is done.
  void Run(Executor& pool, rpc::WaitList::Token wait, TimePoint deadline, std::move_only_function<Result<T>()> work,
           Done<T> done) {
    const Ticket ticket = Begin(deadline, std::move(done));
    pool.Submit([wait = std::move(wait), task = AsTask(ticket, std::move(work))]() mutable { task(); });
  }

  // The same in parts, for who brings the call to a pool some other way, or answers it without.
  Ticket Begin(TimePoint deadline, Done<T> done) {
    const Ticket ticket{next_++};
    this->Join(ticket, deadline, [] { return std::optional<T>(); }, std::move(done));
    return ticket;
  }
  Task AsTask(Ticket ticket, std::move_only_function<Result<T>()> work) {
    return [this, ticket, work = std::move(work)]() mutable { this->Complete(ticket, work()); };
  }

 private:
  std::atomic<uint64_t> next_{0};
};

}  // namespace copper::fetch

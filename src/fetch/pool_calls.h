// Blocking calls of the source on the pool, with deadlines: past its deadline the asker is told ETIMEDOUT, and the
// pool thread that hangs in the source is the only one that goes on waiting.
#pragma once

#include <atomic>
#include <memory>

#include "copper/base/worker_pool.h"
#include "fetch/single_flight.h"
#include "waits.h"

namespace copper::fetch {

struct Ticket {
  uint64_t number;
  bool operator==(const Ticket&) const = default;
};
inline uint64_t HashOf(const Ticket& ticket) {
  return Hash(ticket.number);
}

template <class T>
class PoolCalls {
 public:
  using Done = std::move_only_function<void(Result<T>)>;

  // `work` runs once, on the pool, whether or not the asker still waits; `wait` is over when it is done.
  void Run(Executor& pool, WaitList::Token wait, TimePoint deadline, std::move_only_function<Result<T>()> work,
           Done done) {
    const Ticket ticket = Begin(deadline, std::move(done));
    Lead(ticket,
         [&] { pool.Submit([wait = std::move(wait), task = AsTask(ticket, std::move(work))]() mutable { task(); }); });
  }

  // The same in parts, for who brings the call to a pool some other way, or answers it without.
  Ticket Begin(TimePoint deadline, Done done) {
    const Ticket ticket{next_++};
    waiting_.Join(ticket, deadline, [] { return std::optional<T>(); }, std::move(done));
    return ticket;
  }
  template <class Work>
  void Lead(Ticket ticket, Work work) {
    waiting_.Lead(ticket, std::move(work));
  }
  Task AsTask(Ticket ticket, std::move_only_function<Result<T>()> work) {
    return [this, ticket, work = std::move(work)]() mutable { Lead(ticket, [&] { End(ticket, work()); }); };
  }
  bool IsWanted(Ticket ticket) { return waiting_.IsWanted(ticket); }
  void End(Ticket ticket, const Result<T>& result) { waiting_.Complete(ticket, result); }

  bool Expire(TimePoint now) { return waiting_.Expire(now); }

 private:
  std::atomic<uint64_t> next_{0};
  SingleFlight<Ticket, T> waiting_;
};

}  // namespace copper::fetch

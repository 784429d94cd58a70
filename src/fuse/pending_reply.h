// Answers that come later, exactly once: by whoever completes them, by the death of the thread that waits, or by the
// end of the server.
//
// A handler starts what it needs with a PendingReply in the callback, then calls Await. The state decides who answers:
//
// clang-format off
//   state       meaning                                                                        next
//   kHandling   the handler is at work; Complete leaves its answer behind for Await            kDone, kWaiting, kTaken
//   kDone       Complete was faster than Await, which sends the answer                         kTaken
//   kWaiting    nobody is at work: Complete, the fatal signal and the end of the server race   kTaken
//               for the claim
//   kTaken      claimed; later comers are dropped
// clang-format on
//
// An interrupt changes no state. The kernel sends it for any signal, so it only has the thread that waits looked at
// (interrupted_requests.h), from then until the answer.
//
// libfuse's rules behind it (fuse_req_interrupt_func): the callback runs under the request's own lock, so clearing the
// callback waits until a running one has ended, and nobody may free the request before that; registering calls it at
// once when the interrupt came first. The callback answers nothing, so it never frees the request that it runs for.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>

#include "copper/base/gate.h"
#include "copper/base/mutex.h"
#include "interrupted_requests.h"
#include "reply.h"

namespace copper::fuse {

class PendingReply;

// The answers that are awaited. Outlives the server in the hands of the callbacks, which may come after it.
class PendingReplies {
 public:
  PendingReplies(std::shared_ptr<CallerThreads> callers, const Clock& clock)
      : interrupted_(std::move(callers), clock) {}

  // Looks after interrupted requests, until Close.
  void Start() { interrupted_.Start(); }
  // Answers all that wait, and from now on all that begin to wait, with EIO.
  void Refuse();
  // After the last handler: no answer is under way or will be sent any more. False if one still was at the deadline.
  [[nodiscard]] bool Close(Duration timeout);
  size_t waiting() const;

 private:
  friend class PendingReply;
  bool Add(const std::shared_ptr<PendingReply>& pending);
  bool refusing() const;
  void Remove(const PendingReply* pending);

  InterruptedRequests interrupted_;
  Gate gate_;            // held open by each Complete: what an answer touches of the server lives until Close
  mutable Mutex mutex_;  // leaf
  std::unordered_map<const PendingReply*, std::shared_ptr<PendingReply>> waiting_ GUARDED_BY(mutex_);
  bool refusing_ GUARDED_BY(mutex_) = false;
};

class PendingReply final : public Interruptible, public std::enable_shared_from_this<PendingReply> {
 public:
  using Answer = std::move_only_function<void(Reply&)>;

  PendingReply(std::shared_ptr<PendingReplies> all, Reply reply) : all_(std::move(all)), reply_(std::move(reply)) {}
  PendingReply(const PendingReply&) = delete;
  ~PendingReply() override;

  // Once, from any thread. `answer` runs at once, or in Await, or never.
  void Complete(Answer answer);
  // Once, by the handler, as its last act.
  void Await();

  void EndInterrupted() override { EndWithError(EINTR); }
  bool IsAnswered() const override;

 private:
  friend class PendingReplies;
  enum class State { kHandling, kDone, kWaiting, kTaken };

  static void OnInterrupt(fuse_req_t request, void* self);
  void NoteInterrupt();
  void EndWithError(int code);
  void Send();
  bool Move(State from, State to) { return state_.compare_exchange_strong(from, to); }
  // No interrupt runs, or will run, once this returns.
  void Disarm() { fuse_req_interrupt_func(reply_.request(), nullptr, nullptr); }

  const std::shared_ptr<PendingReplies> all_;
  Reply reply_;
  Answer answer_;  // written before kDone, read after it
  std::atomic<State> state_{State::kHandling};
};

// Starts `start(done)` and answers with `answer(reply, result)` when `done(result)` is called: at once or later.
// `answer` is not called when a fatal signal or the end was faster.
template <class T, class Start, class AnswerWith>
void Defer(std::shared_ptr<PendingReplies> all, Reply reply, Start start, AnswerWith answer) {
  const auto pending = std::make_shared<PendingReply>(std::move(all), std::move(reply));
  start([pending, answer = std::move(answer)](T result) mutable {
    pending->Complete([answer = std::move(answer), result = std::move(result)](Reply& open) mutable {
      answer(open, std::move(result));
    });
  });
  pending->Await();
}

}  // namespace copper::fuse

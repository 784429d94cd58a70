#include "pending_reply.h"

#include <cerrno>
#include <exception>

namespace copper::fuse {

bool PendingReplies::Add(const std::shared_ptr<PendingReply>& pending) {
  const MutexLock lock(mutex_);
  if (refusing_) return false;
  waiting_.emplace(pending.get(), pending);
  return true;
}

bool PendingReplies::refusing() const {
  const MutexLock lock(mutex_);
  return refusing_;
}

void PendingReplies::Remove(const PendingReply* pending) {
  std::shared_ptr<PendingReply> removed;  // destroyed outside the lock
  const MutexLock lock(mutex_);
  if (const auto it = waiting_.find(pending); it != waiting_.end()) {
    removed = std::move(it->second);
    waiting_.erase(it);
  }
}

void PendingReplies::Refuse() {
  std::unordered_map<const PendingReply*, std::shared_ptr<PendingReply>> refused;
  {
    const MutexLock lock(mutex_);
    refusing_ = true;
    refused = waiting_;
  }
  for (const auto& [key, pending] : refused) pending->EndWithError(EIO);
}

bool PendingReplies::Close(Duration timeout) {
  Refuse();
  interrupted_.Stop();
  return gate_.Close(timeout);
}

size_t PendingReplies::waiting() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

PendingReply::~PendingReply() {
  // A promise that was dropped unkept: the caller still gets EIO, unless the session is gone already.
  if (reply_.request() != nullptr && !all_->gate_.Enter()) reply_.Abandon();
}

void PendingReply::Complete(Answer answer) {
  const auto pass = all_->gate_.Enter();
  if (!pass) return;
  answer_ = std::move(answer);
  if (Move(State::kHandling, State::kDone)) return;
  if (!Move(State::kWaiting, State::kTaken)) return;
  Disarm();
  Send();
  all_->Remove(this);
}

void PendingReply::Await() {
  if (state_ == State::kHandling && all_->Add(shared_from_this())) {
    fuse_req_interrupt_func(reply_.request(), &PendingReply::OnInterrupt, this);
    if (Move(State::kHandling, State::kWaiting)) {
      if (all_->refusing()) EndWithError(EIO);  // Refuse may have looked before this one was waiting
      return;
    }
    Disarm();
  }
  // Not waiting, so the claim is the handler's own; kHandling: refused.
  if (state_.exchange(State::kTaken) == State::kDone) {
    Send();
  } else {
    reply_.Error(EIO);
  }
  all_->Remove(this);
}

void PendingReply::Send() {
  answer_(reply_);
}

void PendingReply::OnInterrupt(fuse_req_t, void* self) {
  static_cast<PendingReply*>(self)->NoteInterrupt();
}

// Under the request's lock. `this` lives: it is in `all_` until the claimant, who disarms first, takes it out.
void PendingReply::NoteInterrupt() {
  all_->interrupted_.Add(weak_from_this(), fuse_req_ctx(reply_.request())->pid);
}

bool PendingReply::IsAnswered() const {
  const State state = state_;
  return state == State::kDone || state == State::kTaken;
}

void PendingReply::EndWithError(int code) {
  if (!Move(State::kWaiting, State::kTaken)) return;
  Disarm();
  reply_.Error(code);
  all_->Remove(this);
}

}  // namespace copper::fuse

#include "simulation/event_queue.h"

#include <algorithm>

namespace copper::simulation {

void EventQueue::Add(TimePoint when, What what, uint32_t about, Host* host, Work work) {
  if (host != nullptr && host->is_dead_) return;
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(events_.size()));
    events_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  events_[slot] = {what, about, host, std::move(work)};
  heap_.push_back({std::max(when, now_), made_++, slot});
  std::ranges::push_heap(heap_, std::greater{});
}

bool EventQueue::RunOne() {
  if (heap_.empty()) return false;
  std::ranges::pop_heap(heap_, std::greater{});
  const Due due = heap_.back();
  heap_.pop_back();
  Event event = std::move(events_[due.slot]);
  events_[due.slot] = {};
  free_.push_back(due.slot);
  now_ = due.when;
  Host* const host = event.host;
  if (host != nullptr && host->is_dead_) return true;
  if (host != nullptr && host->is_frozen_) {
    host->put_off_.push_back(std::move(event.work));
    return true;
  }
  ++count_;
  Note(static_cast<uint64_t>(SinceStart().count()));
  Note(uint64_t{event.about} << 8 | static_cast<uint64_t>(event.what));
  event.work();
  return true;
}

// What it was doing is not undone: others may hold parts of it, as they would a connection.
void EventQueue::Kill(Host& host) {
  host.is_dead_ = true;
  host.put_off_.clear();
}

void EventQueue::Freeze(Host& host) {
  host.is_frozen_ = true;
}

void EventQueue::Thaw(Host& host) {
  if (!std::exchange(host.is_frozen_, false)) return;
  for (Work& work : std::exchange(host.put_off_, {})) At(now_, What::kFault, host, std::move(work));
}

}  // namespace copper::simulation

#include "copper/base/aside.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace copper {

struct Aside::State {
  Task work;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;

  void Run() {
    std::exchange(work, nullptr)();
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  }
};

Aside::Aside(Task work) : state_(std::make_shared<State>()) {
  state_->work = std::move(work);
  try {
    std::thread([state = state_] {
      NameThread("copper-aside");
      state->Run();
    }).detach();
  } catch (const std::system_error&) {
    state_->Run();
  }
}

bool Aside::IsDoneWithin(Duration patience) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, patience, [this] { return state_->done; });
}

}  // namespace copper

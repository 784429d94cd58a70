#include "copper/base/aside.h"

#include <system_error>
#include <thread>
#include <utility>

#include "copper/base/mutex.h"

namespace copper {

struct Aside::State {
  Task work;
  Mutex mutex;
  Condition changed;
  bool done GUARDED_BY(mutex) = false;

  void Run() {
    std::exchange(work, nullptr)();
    const MutexLock lock(mutex);
    done = true;
    changed.NotifyAll();
  }

  bool IsDoneWithin(Duration patience) {
    const MutexLock lock(mutex);
    return changed.WaitFor(mutex, patience, [this]() REQUIRES(mutex) { return done; });
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
  return state_->IsDoneWithin(patience);
}

}  // namespace copper

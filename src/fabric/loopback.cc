#include "fabric/loopback.h"

namespace copper::fabric {

bool Loopback::Submit(Datagram datagram, Endpoint::SendDone done) {
  {
    const MutexLock lock(mutex_);
    if (!closed_) {
      pending_.emplace_back(std::move(datagram), std::move(done));
      return true;
    }
  }
  done(Fail(ESHUTDOWN));
  return false;
}

Loopback::Pending Loopback::Take(bool close) {
  const MutexLock lock(mutex_);
  closed_ = closed_ || close;
  return std::exchange(pending_, {});
}

bool Loopback::Deliver(Receiver& receiver) {
  Pending pending = Take(false);
  for (auto& [datagram, done] : pending) {
    receiver.OnArrival({datagram.head, std::move(datagram.payload)});
    done({});
  }
  return !pending.empty();
}

void Loopback::Close() {
  for (auto& [datagram, done] : Take(true)) done(Fail(ESHUTDOWN));
}

}  // namespace copper::fabric

// Datagrams of a rank to itself: they need no network, but arrive like others, on the progress thread.
#pragma once

#include <utility>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/fabric/endpoint.h"

namespace copper::fabric {

class Loopback {
 public:
  // Any thread. False, with `done` called, once closed.
  bool Submit(Datagram datagram, Endpoint::SendDone done) EXCLUDES(mutex_);
  // The progress thread's: hands over what is there; whether there was anything.
  bool Deliver(Receiver& receiver) EXCLUDES(mutex_);
  // Ends what is left with ESHUTDOWN, and what comes later.
  void Close() EXCLUDES(mutex_);

 private:
  using Pending = std::vector<std::pair<Datagram, Endpoint::SendDone>>;
  Pending Take(bool close) EXCLUDES(mutex_);

  Mutex mutex_;
  Pending pending_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper::fabric

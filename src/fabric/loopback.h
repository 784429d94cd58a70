// Datagrams of a rank to itself: they need no network, but arrive like others, on the progress thread.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "copper/fabric/endpoint.h"

namespace copper::fabric {

class Loopback {
 public:
  // Any thread. False, with `done` called, once closed.
  bool Submit(Datagram datagram, Endpoint::SendDone done);
  // The progress thread's: hands over what is there; whether there was anything.
  bool Deliver(Receiver& receiver);
  // Ends what is left with ESHUTDOWN, and what comes later.
  void Close();

 private:
  using Pending = std::vector<std::pair<Datagram, Endpoint::SendDone>>;
  Pending Take(bool close);

  std::mutex mutex_;  // guards what follows
  Pending pending_;
  bool closed_ = false;
};

}  // namespace copper::fabric

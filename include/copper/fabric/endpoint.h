// Reliable datagrams between the ranks of a job. The one place behind which libfabric lives (libfabric_endpoint.h);
// tests put loopback endpoints of one process in its place (tests/fakes/).
//
// A datagram is a head of a fixed size, known to both sides, and a payload of up to kChunkSize bytes. The two arrive in
// separate memory, so that the bytes of a chunk are received page aligned, where they will stay.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/base/result.h"

namespace copper::fabric {

using Address = std::vector<std::byte>;  // opaque: what fi_getname says

struct Datagram {
  std::vector<std::byte> head;  // exactly EndpointOptions::head_size
  Bytes payload;                // at most kChunkSize
};

struct Arrival {
  std::span<const std::byte> head;  // valid during OnArrival only
  // The payload. Large ones are the receive buffer itself, handed over; small ones a copy of the right size.
  Bytes payload;
};

// Called by the progress thread alone. Must not block.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void OnArrival(Arrival arrival) = 0;
  // About every 100 ms while ticks are wanted; returns whether they still are. So that idle costs nothing.
  virtual bool OnTick(TimePoint now) = 0;
};

class Endpoint {
 public:
  // Called exactly once per Send, by the progress thread (or, for a failure at once, by the sender's): success means
  // that the memory is free again, not that the peer has it.
  using SendDone = std::move_only_function<void(Status)>;

  // Closing joins the progress thread; pending sends end with ESHUTDOWN. Not from the progress thread.
  virtual ~Endpoint() = default;

  virtual const Address& address() const = 0;
  // For people and the address book: "192.0.2.2:41234".
  virtual std::string DescribeAddress(const Address& address) const = 0;
  virtual std::string provider() const = 0;
  // Messages to this endpoint that began some 10 s ago or longer, and have not ended.
  virtual size_t unfinished() const { return 0; }

  // book[r] is the address of rank r. Once, before Start.
  virtual Status Connect(std::span<const Address> book) = 0;
  // Begins to receive; `receiver` outlives the endpoint's Stop.
  virtual void Start(Receiver& receiver) = 0;
  virtual void Stop() = 0;

  // Any thread; never blocks (what the provider can't take now waits in a queue, drained by the progress thread).
  virtual void Send(Rank to, Datagram datagram, SendDone done) = 0;
  // Asks for OnTick calls. Any thread; cheap when ticks are on already.
  virtual void WantTicks() = 0;
};

}  // namespace copper::fabric

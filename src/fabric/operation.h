// What libfabric is given as the context of a send or receive, and gives back with its completion.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include <atomic>
#include <list>
#include <optional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/fabric/endpoint.h"
#include "fabric/fid.h"

namespace copper::fabric {

// The thread that posts an operation and the one that takes its completion meet in libfabric only, whose locks are its
// own business: HandOver and TakeBack order what each of them did to the operation, for the memory model's sake.
struct Operation {
  enum class Kind { kSend, kReceive };
  fi_context2 context{};  // first: the provider's to write while the operation is under way
  const Kind kind;

  explicit Operation(Kind what) : kind(what) {}

  void HandOver() { handed_over_.store(true, std::memory_order_release); }
  // Before anything else of it is touched.
  static Operation& TakeBack(void* context) {
    auto* const operation = static_cast<Operation*>(context);
    static_cast<void>(operation->handed_over_.load(std::memory_order_acquire));
    return *operation;
  }

 private:
  std::atomic<bool> handed_over_{false};
};

struct Peer;

struct SendOperation : Operation {
  SendOperation(Peer* to, Datagram what, Endpoint::SendDone then)
      : Operation(Kind::kSend), peer(to), datagram(std::move(what)), done(std::move(then)) {}

  Peer* peer;
  Datagram datagram;  // alive until the completion: it is sent from where it lies
  Endpoint::SendDone done;
  TimePoint queued_at{};
  std::list<SendOperation>::iterator position;  // in the list of the peer that holds it
  FidPtr<fid_mr> head_region, payload_region;
  bool prepared = false;
};

struct ReceiveOperation : Operation {
  ReceiveOperation() : Operation(Kind::kReceive) {}

  Buffer front;         // the head, and the first bytes of the payload
  Buffer rest;          // where the payload goes on
  size_t used = 0;      // bytes of `rest` that have been written since it was taken from the kernel
  uint64_t number = 0;  // receives are numbered as they are posted; 0: it is not
  FidPtr<fid_mr> front_region, rest_region;
};

}  // namespace copper::fabric

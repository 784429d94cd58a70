// What libfabric is given as the context of a send or receive, and gives back with its completion.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include <list>
#include <optional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/fabric/endpoint.h"
#include "fabric/fid.h"

namespace copper::fabric {

struct Operation {
  enum class Kind { kSend, kReceive };
  fi_context2 context{};  // first: the provider's to write while the operation is under way
  Kind kind;

  explicit Operation(Kind what) : kind(what) {}
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

  std::vector<std::byte> head;  // of providers without scatter: the whole datagram
  Buffer payload;
  FidPtr<fid_mr> head_region, payload_region;
};

}  // namespace copper::fabric

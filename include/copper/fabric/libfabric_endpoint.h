// The endpoint over libfabric (FI_EP_RDM, FI_MSG): provider and domain chosen by probing, one progress thread that
// blocks on the completion queue's descriptor. See fi_endpoint(3), fi_cq(3), fi_poll(3) of libfabric.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "copper/base/log.h"
#include "copper/fabric/endpoint.h"
#include "copper/fabric/net_type.h"

namespace copper::fabric {

struct EndpointOptions {
  // --net-type: "auto", a provider ("tcp", "net", "verbs"), a domain ("cxi0") or both ("tcp://eth0", "cxi://cxi1").
  // "tcp" is the best flavour of TCP that this libfabric has.
  std::string net_type = "auto";
  // The source address to bind to ("192.0.2.2", "192.0.2.2:4000"), empty for the domain's own and any free port; and
  // whether every rank is on this machine, so that loopback is the best there is. Without `one_machine` loopback is
  // used only where it is named ("tcp://lo", or as bind_address).
  std::string bind_address;
  bool one_machine = false;
  size_t head_size = 0;  // of every datagram, at least 1
  // False: poll the completion queue even where it could wait. For tests of what providers without FI_WAIT_FD get.
  bool may_wait = true;
};

// Opens the endpoint, not yet connected. The error says what was asked for and what this host has: EINVAL (not
// understood), ENODEV (nothing fits), EADDRINUSE (the port of bind_address), or what the last candidate failed with.
Result<std::unique_ptr<Endpoint>> OpenLibfabricEndpoint(const EndpointOptions& options, Logger& log);

// What this host has, without opening it: every usable (provider, domain, address) once, best first, loopback last;
// then what `net_type` names beside them (sockets, shm: never chosen unasked).
std::vector<Candidate> ListEndpoints(const std::string& net_type = "auto");
// The same in words, a line each: "net://eth0 (192.0.2.2)".
std::vector<std::string> ListProviders();

}  // namespace copper::fabric

// The endpoint over libfabric (FI_EP_RDM, FI_MSG): provider and domain chosen by probing, one progress thread that blocks
// on the completion queue's descriptor. See fi_endpoint(3), fi_cq(3), fi_poll(3) of libfabric.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "copper/base/log.h"
#include "copper/fabric/endpoint.h"

namespace copper::fabric {

struct EndpointOptions {
  // --net-type: "auto", a provider ("tcp", "net", "verbs"), a domain ("cxi0") or both ("tcp://eth0", "cxi://cxi1").
  std::string net_type = "auto";
  // The source address to bind to ("192.0.2.2"), empty for the domain's own; and whether every rank is on this machine, so
  // that loopback is the best there is.
  std::string bind_address;
  bool one_machine = false;
  size_t head_size = 0;
};

// Opens the endpoint, not yet connected. The error says what was asked for and what this host has.
Result<std::unique_ptr<Endpoint>> OpenLibfabricEndpoint(const EndpointOptions& options, Logger& log);

// What this host has: a line per usable (provider, domain, address), best first.
std::vector<std::string> ListProviders();

}  // namespace copper::fabric

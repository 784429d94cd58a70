// Which provider, domain and source address to use: pure functions over what a host offers, so that hosts with other
// networks than this one can be tested.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"

namespace copper::fabric {

// --net-type taken apart: "auto", "tcp", "cxi0", "tcp://eth0".
struct NetType {
  std::string name;    // "auto", a provider, or (where `domain` is empty) the name of a domain
  std::string domain;  // of "provider://domain"; empty: any

  bool operator==(const NetType&) const = default;
};
// EINVAL with a message that gives the forms.
Result<NetType> ParseNetType(std::string_view text);

// "192.0.2.2", "192.0.2.2:4000", "fd00::2", "[fd00::2]:4000", or of a fabric that has no IP addresses, "0x0004a3ff"
// (cxi: the address of the NIC; its lowest 9 bits, the process, are the provider's choice). What stands before "://" is
// passed over.
struct BindAddress {
  std::string host;   // in its canonical spelling
  uint16_t port = 0;  // 0: any free one

  bool operator==(const BindAddress&) const = default;
};
Result<BindAddress> ParseBindAddress(std::string_view text);

// One way onto the network, as fi_getinfo describes it.
struct Candidate {
  std::string provider;  // "net", "tcp;ofi_rxm", "cxi"
  std::string domain;    // "eth0", "cxi0"
  std::string address;   // "192.0.2.2"; "0x0004a3ff" where addresses are small, but no IP ones; else empty

  bool operator==(const Candidate&) const = default;
};
// "net://eth0 (192.0.2.2)": what stands before the parenthesis is a --net-type.
std::string Describe(const Candidate& candidate);

struct Selection {
  NetType net_type;
  std::string bind_host;     // BindAddress::host; empty: any
  bool one_machine = false;  // then loopback is the best for TCP, otherwise it is no choice unless it is named
};

// The positions of the candidates that `selection` allows, best first: cxi, verbs, then the flavours of TCP; of these
// interfaces of a fast network, then other ones, IPv4 before IPv6, bridges of containers last, link-local never.
std::vector<size_t> RankCandidates(std::span<const Candidate> candidates, const Selection& selection);

}  // namespace copper::fabric

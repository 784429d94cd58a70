// The libfabric objects of one endpoint, opened and ready.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "copper/fabric/endpoint.h"
#include "fabric/fid.h"

namespace copper::fabric {

// Destroyed from the last member to the first, as libfabric demands.
struct Transport {
  InfoPtr info;
  FidPtr<fid_fabric> fabric;
  FidPtr<fid_domain> domain;
  FidPtr<fid_av> addresses;
  FidPtr<fid_cq> completions;
  FidPtr<fid_ep> endpoint;
  Address address;
  bool may_wait = true;
  int wait_fd = -1;  // -1: the completion queue can't wait
  // Where keys of memory regions are not the provider's, they must differ.
  std::unique_ptr<std::atomic<uint64_t>> next_key = std::make_unique<std::atomic<uint64_t>>(1);

  // Memory for sends or receives (`access` is FI_SEND or FI_RECV) of the providers that ask for it; nullptr for others.
  Result<FidPtr<fid_mr>> Register(std::span<const std::byte> memory, uint64_t access) const;
  std::string DescribeAddress(const Address& other) const;
};

inline void* DescriptorOf(const FidPtr<fid_mr>& region) {
  return region ? fi_mr_desc(region.get()) : nullptr;
}

// Opens what `info` describes and enables the endpoint. `may_wait`: with FI_WAIT_FD, if the provider has it.
Result<Transport> OpenTransport(const fi_info& info, bool may_wait);

}  // namespace copper::fabric

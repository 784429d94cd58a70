#include "fabric/provider.h"

#include <arpa/inet.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "copper/base/chunk_size.h"
#include "copper/base/log.h"
#include "copper/fabric/libfabric_endpoint.h"

namespace copper::fabric {
namespace {

// The oldest interface with all that is used here; a later libfabric keeps to it.
constexpr uint32_t kApiVersion = FI_VERSION(1, 11);

// Bits of mr_mode that cost nothing to grant: they matter for remote access, which is never used, or are honoured
// (FI_MR_LOCAL, FI_MR_ENDPOINT).
constexpr int kMemoryModes = FI_MR_LOCAL | FI_MR_ENDPOINT | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;

InfoPtr Hints() {
  InfoPtr hints(fi_allocinfo());
  if (!hints) return hints;
  hints->caps = FI_MSG;
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  hints->ep_attr->type = FI_EP_RDM;
  hints->domain_attr->threading = FI_THREAD_SAFE;
  hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  hints->domain_attr->mr_mode = kMemoryModes;
  return hints;
}

// As fi_av_straddr writes those of cxi: the bytes as a number.
std::string NumberAddress(const fi_info& info) {
  uint64_t number = 0;
  std::memcpy(&number, info.src_addr, info.src_addrlen);
  return fmt::format("0x{:0{}x}", number, 2 * info.src_addrlen);
}

// The types are the provider's word; `memcpy` because alignment is not.
std::string SourceAddress(const fi_info& info) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (info.src_addr == nullptr) return {};
  if (info.addr_format == FI_SOCKADDR_IN && info.src_addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, info.src_addr, sizeof(v4));
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (info.addr_format == FI_SOCKADDR_IN6 && info.src_addrlen >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, info.src_addr, sizeof(v6));
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  } else if (info.src_addrlen == sizeof(uint32_t) || info.src_addrlen == sizeof(uint64_t)) {
    return NumberAddress(info);
  }
  return text.data();
}

Candidate DescribeInfo(const fi_info& info) {
  const char* const provider = info.fabric_attr->prov_name;
  const char* const domain = info.domain_attr->name;
  return {provider != nullptr ? provider : "", domain != nullptr ? domain : "", SourceAddress(info)};
}

}  // namespace

std::vector<InfoPtr> QueryProviders(size_t head_size) {
  std::vector<InfoPtr> infos;
  const InfoPtr hints = Hints();
  fi_info* list = nullptr;
  if (!hints || fi_getinfo(kApiVersion, nullptr, nullptr, 0, hints.get(), &list) != 0) return infos;
  const InfoPtr all(list);
  for (const fi_info* info = list; info != nullptr; info = info->next) {
    if (info->ep_attr->max_msg_size < head_size + kChunkSize) continue;
    infos.emplace_back(fi_dupinfo(info));
  }
  return infos;
}

std::vector<Candidate> DescribeProviders(const std::vector<InfoPtr>& infos) {
  std::vector<Candidate> candidates;
  candidates.reserve(infos.size());
  for (const InfoPtr& info : infos) candidates.push_back(DescribeInfo(*info));
  return candidates;
}

void SetSource(fi_info& info, const BindAddress& source) {
  if (info.src_addr == nullptr || (info.addr_format != FI_SOCKADDR_IN && info.addr_format != FI_SOCKADDR_IN6)) return;
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  const in_port_t big_endian = htons(source.port);
  std::memcpy(static_cast<std::byte*>(info.src_addr) + offsetof(sockaddr_in, sin_port), &big_endian,
              sizeof(big_endian));
  in_addr host{};
  if (info.addr_format != FI_SOCKADDR_IN || inet_pton(AF_INET, source.host.c_str(), &host) != 1) return;
  if (!SourceAddress(info).starts_with("127.") || !source.host.starts_with("127.")) return;
  std::memcpy(static_cast<std::byte*>(info.src_addr) + offsetof(sockaddr_in, sin_addr), &host, sizeof(host));
}

std::vector<Candidate> ListEndpoints(const std::string& net_type) {
  const std::vector<Candidate> candidates = DescribeProviders(QueryProviders(0));
  std::vector<Candidate> usable;
  const auto add = [&](const Candidate& candidate) {
    if (std::ranges::find(usable, candidate) == usable.end()) usable.push_back(candidate);
  };
  for (const bool one_machine : {false, true}) {  // the second adds loopback, at the end
    for (const size_t i : RankCandidates(candidates, {{"auto", {}}, {}, one_machine})) add(candidates[i]);
  }
  const Result<NetType> named = ParseNetType(net_type);
  if (!named) return usable;
  for (const size_t i : RankCandidates(candidates, {*named, {}, true})) add(candidates[i]);
  return usable;
}

std::vector<std::string> ListProviders() {
  std::vector<std::string> lines;
  for (const Candidate& candidate : ListEndpoints()) lines.push_back(Describe(candidate));
  return lines;
}

}  // namespace copper::fabric

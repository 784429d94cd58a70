#include "fabric/transport.h"

#include <rdma/fi_cm.h>

#include <algorithm>

#include "copper/base/log.h"
namespace copper::fabric {
namespace {

// Deeper queues than are ever used cost memory (ofi_rxm: 70 MB with its defaults). What does not fit waits in Sender.
constexpr size_t kSendQueue = 256;
constexpr size_t kReceiveQueue = 64;

// Calls a libfabric "open" function and puts what it made into `owner`.
template <class T, class Open>
Status OpenInto(FidPtr<T>& owner, std::string_view name, Open open) {
  T* object = nullptr;
  if (const int code = open(&object); code != 0) return FailFabric(code, name);
  owner.reset(object);
  return {};
}

Status OpenCompletions(Transport& transport) {
  fi_cq_attr attributes{};
  attributes.format = FI_CQ_FORMAT_MSG;
  attributes.size = transport.info->tx_attr->size + transport.info->rx_attr->size;
  auto open = [&](fid_cq** cq) { return fi_cq_open(transport.domain.get(), &attributes, cq, nullptr); };
  attributes.wait_obj = FI_WAIT_FD;
  if (transport.may_wait && OpenInto(transport.completions, "fi_cq_open", open)) {
    if (fi_control(&transport.completions->fid, FI_GETWAIT, &transport.wait_fd) == 0) return {};
    transport.wait_fd = -1;
    transport.completions.reset();
  }
  attributes.wait_obj = FI_WAIT_NONE;
  return OpenInto(transport.completions, "fi_cq_open", open);
}

Status Enable(Transport& transport) {
  fid_ep* const endpoint = transport.endpoint.get();
  if (const int code = fi_ep_bind(endpoint, &transport.addresses->fid, 0); code != 0)
    return FailFabric(code, "fi_ep_bind");
  if (const int code = fi_ep_bind(endpoint, &transport.completions->fid, FI_SEND | FI_RECV); code != 0) {
    return FailFabric(code, "fi_ep_bind");
  }
  if (const int code = fi_enable(endpoint); code != 0) return FailFabric(code, "fi_enable");
  return {};
}

Status ReadAddress(Transport& transport) {
  size_t size = 0;
  fi_getname(&transport.endpoint->fid, nullptr, &size);  // fails with the size
  transport.address.resize(size);
  const int code = fi_getname(&transport.endpoint->fid, transport.address.data(), &size);
  if (code != 0) return FailFabric(code, "fi_getname");
  return {};
}

Status OpenFabric(Transport& transport) {
  return OpenInto(transport.fabric, "fi_fabric",
                  [&](fid_fabric** made) { return fi_fabric(transport.info->fabric_attr, made, nullptr); });
}

Status OpenDomain(Transport& transport) {
  return OpenInto(transport.domain, "fi_domain", [&](fid_domain** made) {
    return fi_domain(transport.fabric.get(), transport.info.get(), made, nullptr);
  });
}

Status OpenAddresses(Transport& transport) {
  fi_av_attr attributes{};
  attributes.type = transport.info->domain_attr->av_type;
  return OpenInto(transport.addresses, "fi_av_open",
                  [&](fid_av** made) { return fi_av_open(transport.domain.get(), &attributes, made, nullptr); });
}

Status OpenEndpoint(Transport& transport) {
  return OpenInto(transport.endpoint, "fi_endpoint", [&](fid_ep** made) {
    return fi_endpoint(transport.domain.get(), transport.info.get(), made, nullptr);
  });
}

}  // namespace

std::unexpected<Error> FailFabric(ssize_t code, std::string_view doing) {
  const auto positive = static_cast<int>(code < 0 ? -code : code);
  return Fail(ErrnoOf(code), fmt::format("{}: {}", doing, fi_strerror(positive)));
}

Result<FidPtr<fid_mr>> Transport::Register(std::span<const std::byte> memory, uint64_t access) const {
  FidPtr<fid_mr> region;
  const int mode = info->domain_attr->mr_mode;
  if ((mode & FI_MR_LOCAL) == 0 || memory.empty()) return region;
  auto status = OpenInto(region, "fi_mr_reg", [&](fid_mr** made) {
    return fi_mr_reg(domain.get(), memory.data(), memory.size(), access, 0, next_key->fetch_add(1), 0, made, nullptr);
  });
  if (!status) return std::unexpected(std::move(status).error());
  if ((mode & FI_MR_ENDPOINT) != 0) {
    int code = fi_mr_bind(region.get(), &endpoint->fid, 0);
    if (code == 0) code = fi_mr_enable(region.get());
    if (code != 0) return FailFabric(code, "fi_mr_enable");
  }
  return region;
}

std::string Transport::DescribeAddress(const Address& other) const {
  std::string text(128, '\0');
  size_t size = text.size();
  fi_av_straddr(addresses.get(), other.data(), text.data(), &size);
  text.resize(text.find('\0') == std::string::npos ? text.size() : text.find('\0'));
  const size_t scheme = text.find("://");  // "fi_sockaddr_in://192.0.2.2:41234"
  return scheme == std::string::npos ? text : text.substr(scheme + 3);
}

Result<Transport> OpenTransport(const fi_info& info, bool may_wait) {
  Transport transport;
  transport.info.reset(fi_dupinfo(&info));
  if (!transport.info) return Fail(ENOMEM);
  auto& attributes = *transport.info;
  attributes.tx_attr->size = std::min(attributes.tx_attr->size, kSendQueue);
  attributes.rx_attr->size = std::min(attributes.rx_attr->size, kReceiveQueue);
  transport.may_wait = may_wait;
  for (const auto step : {OpenFabric, OpenDomain, OpenAddresses, OpenCompletions, OpenEndpoint, Enable, ReadAddress}) {
    if (auto done = step(transport); !done) return std::unexpected(std::move(done).error());
  }
  return transport;
}

}  // namespace copper::fabric

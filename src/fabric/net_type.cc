#include "copper/fabric/net_type.h"

#include <arpa/inet.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>

#include "copper/base/log.h"
namespace copper::fabric {
namespace {

enum class Scope { kNone, kLoopback, kLinkLocal, kGlobal };  // kNone: not an IP address

struct IpAddress {
  Scope scope = Scope::kNone;
  bool v6 = false;
};

IpAddress Classify(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const uint32_t bits = ntohl(v4.s_addr);
    if (bits >> 24 == 127) return {Scope::kLoopback, false};
    if (bits >> 16 == 0xa9fe) return {Scope::kLinkLocal, false};
    return {Scope::kGlobal, false};
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return {};
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return {Scope::kLoopback, true};
  return {IN6_IS_ADDR_LINKLOCAL(&v6) ? Scope::kLinkLocal : Scope::kGlobal, true};
}

// Nothing where it is no such number.
std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t number = 0;
  if (!text.starts_with("0x")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool IsLoopbackV4(const std::string& address) {
  const IpAddress ip = Classify(address);
  return ip.scope == Scope::kLoopback && !ip.v6;
}

// Two processes that use one NIC have addresses that differ in the lowest bits only (libfabric, struct cxip_addr). And
// every address of 127.0.0.0/8 is one of the loopback interface, though libfabric names the first only.
bool IsSameHost(const std::string& one, const std::string& other) {
  constexpr unsigned kCxiProcessBits = 9;
  const auto a = ParseHex(one);
  const auto b = ParseHex(other);
  if (a && b) return *a >> kCxiProcessBits == *b >> kCxiProcessBits;
  return one == other || (IsLoopbackV4(one) && IsLoopbackV4(other));
}

std::optional<std::string> Canonical(const std::string& host) {
  if (ParseHex(host)) return host;
  std::array<std::byte, sizeof(in6_addr)> bits{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, host.c_str(), bits.data()) == 1)
      return inet_ntop(family, bits.data(), text.data(), text.size());
  }
  return std::nullopt;
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

constexpr int kNotAutomatic = 100;

// Native RDM of `tcp` (libfabric 1.18 on) was called `net` before; ofi_rxm over tcp costs a layer and more memory.
int ProviderRank(const std::string& provider) {
  static constexpr std::array kOrder = {"cxi", "verbs;ofi_rxm", "verbs", "tcp", "net", "tcp;ofi_rxm"};
  const auto* const found = std::ranges::find(kOrder, provider);
  return found == kOrder.end() ? kNotAutomatic : static_cast<int>(found - kOrder.begin());
}

bool IsTcp(const std::string& provider) {
  return provider == "tcp" || provider == "net" || provider == "tcp;ofi_rxm";
}

bool BeginsWithAny(const std::string& name, std::initializer_list<std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

int InterfaceRank(const std::string& name) {
  if (BeginsWithAny(name, {"hsn", "ib"})) return 0;  // Slingshot, IP over InfiniBand
  if (BeginsWithAny(name, {"docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "podman", "lxc"})) return 2;
  return 1;
}

bool ProviderMatches(const std::string& provider, const std::string& name) {
  if (name == "tcp") return IsTcp(provider);
  return provider == name || provider.starts_with(name + ";");
}

bool NetTypeMatches(const Candidate& candidate, const NetType& type) {
  const bool automatic = ProviderRank(candidate.provider) < kNotAutomatic;
  if (type.name == "auto") return automatic && (type.domain.empty() || candidate.domain == type.domain);
  if (!type.domain.empty()) return ProviderMatches(candidate.provider, type.name) && candidate.domain == type.domain;
  return ProviderMatches(candidate.provider, type.name) || (automatic && candidate.domain == type.name);
}

bool AddressAllowed(const Candidate& candidate, const Selection& selection) {
  if (!selection.bind_host.empty()) return IsSameHost(candidate.address, selection.bind_host);
  const NetType& type = selection.net_type;
  const bool domain_named = candidate.domain == type.domain || candidate.domain == type.name;
  switch (Classify(candidate.address).scope) {
    case Scope::kLinkLocal:
      return false;
    case Scope::kLoopback:
      return selection.one_machine || domain_named;
    default:
      return true;
  }
}

}  // namespace

Result<NetType> ParseNetType(std::string_view text) {
  const size_t mark = text.find("://");
  NetType type{std::string(text.substr(0, mark)), {}};
  if (mark != std::string_view::npos) type.domain = text.substr(mark + 3);
  const bool bad_domain = mark != std::string_view::npos && (type.domain.empty() || type.domain.contains("/"));
  if (type.name.empty() || bad_domain || type.name.find_first_of("/: ") != std::string::npos) {
    return Fail(EINVAL,
                fmt::format("net type '{}' is not understood: use auto, a provider (tcp, verbs), a domain (cxi0) or "
                            "both (tcp://eth0)",
                            text));
  }
  return type;
}

Result<BindAddress> ParseBindAddress(std::string_view text) {
  const size_t scheme = text.find("://");
  const std::string_view plain = scheme == std::string_view::npos ? text : text.substr(scheme + 3);
  std::string_view host = plain;
  std::optional<uint16_t> port = uint16_t{0};
  if (plain.starts_with('[') && plain.contains("]:")) {
    host = plain.substr(1, plain.find(']') - 1);
    port = ParsePort(plain.substr(plain.find("]:") + 2));
  } else if (std::ranges::count(plain, ':') == 1) {
    host = plain.substr(0, plain.find(':'));
    port = ParsePort(plain.substr(plain.find(':') + 1));
  }
  const auto canonical = Canonical(std::string(host));
  if (!canonical || !port) {
    return Fail(EINVAL, fmt::format("address '{}' to bind to is not an IP address: use 192.0.2.2, 192.0.2.2:4000 or "
                                    "[fd00::2]:4000 (or, of a fabric without IP addresses, 0x0004a3ff)",
                                    text));
  }
  return BindAddress{*canonical, *port};
}

std::string Describe(const Candidate& candidate) {
  const std::string name = candidate.provider + "://" + candidate.domain;
  return candidate.address.empty() ? name : name + " (" + candidate.address + ")";
}

std::vector<size_t> RankCandidates(std::span<const Candidate> candidates, const Selection& selection) {
  using Key = std::tuple<bool, int, int, bool>;  // smaller is better
  std::vector<std::pair<Key, size_t>> allowed;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    if (!NetTypeMatches(candidate, selection.net_type) || !AddressAllowed(candidate, selection)) continue;
    const IpAddress ip = Classify(candidate.address);
    const bool near = selection.one_machine && ip.scope == Scope::kLoopback && IsTcp(candidate.provider);
    allowed.emplace_back(Key{!near, ProviderRank(candidate.provider), InterfaceRank(candidate.domain), ip.v6}, i);
  }
  std::ranges::sort(allowed);  // equal keys: in the order of libfabric
  std::vector<size_t> positions;
  positions.reserve(allowed.size());
  for (const auto& [key, position] : allowed) positions.push_back(position);
  return positions;
}

}  // namespace copper::fabric

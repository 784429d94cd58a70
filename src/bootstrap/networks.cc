// What the hosts of a job have, and whether that is what was asked for.

#include <algorithm>
#include <set>

#include "copper/base/log.h"
#include "copper/bootstrap/address_book.h"

namespace copper::bootstrap {
namespace {

using fabric::Candidate;

constexpr size_t kMostNamed = 8;

// A host whose ranks all have the same networks is one, however many ranks are there.
std::vector<size_t> FirstRankOfEachHost(std::span<const Member> members) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::vector<size_t> ranks;
  for (size_t rank = 0; rank < members.size(); ++rank) {
    if (seen.emplace(members[rank].host, members[rank].network).second) ranks.push_back(rank);
  }
  return ranks;
}

// Each behind `mark`, which ends in a blank.
std::string Has(const std::vector<Candidate>& has, const std::string& mark) {
  if (has.empty()) return "it has none that libfabric can use (see fi_info there)";
  std::vector<std::string> names;
  for (const Candidate& candidate : has) names.push_back(Describe(candidate));
  return fmt::format("it has:{}{}", mark.starts_with('\n') ? mark : " ", fmt::join(names, mark));
}

// Of those that lack the same as the first one.
std::string NameOthers(std::span<const size_t> ranks, std::span<const Member> members) {
  if (ranks.size() < 2) return "";
  std::string names = " (nor " + members[ranks[1]].host;
  for (size_t i = 2; i < std::min(ranks.size(), kMostNamed); ++i) names += ", " + members[ranks[i]].host;
  if (ranks.size() > kMostNamed) names += fmt::format(" and {} more", ranks.size() - kMostNamed);
  return names + ")";
}

// Of a rank, what it was to bind to; empty: anything.
Result<std::string> BindHost(const NetworkWish& wish, size_t rank) {
  if (wish.of_facility.empty()) return std::string();
  Result<fabric::BindAddress> address = fabric::ParseBindAddress(wish.of_facility[rank].address);
  if (!address) return std::unexpected(address.error());
  return std::move(address->host);
}

Status Lacking(const NetworkWish& wish, std::span<const size_t> ranks, std::span<const Member> members,
               const std::vector<Candidate>& has) {
  const size_t rank = ranks.front();
  const std::string& host = members[rank].host;
  if (wish.of_facility.empty()) {
    return Fail(ENODEV,
                fmt::format("host {}{} has no network that fits --net-type {}; {}", host, NameOthers(ranks, members),
                            wish.net_type, Has(has, "\n  ") + "\n  give what stands before a parenthesis"));
  }
  return Fail(ENODEV,
              fmt::format("{}, line {}, gives host {} the address {}, but it has none of that name{}; {}",
                          wish.facility_file, wish.of_facility[rank].line, host, wish.of_facility[rank].address,
                          wish.net_type == "auto" ? "" : " that fits --net-type " + wish.net_type, Has(has, ", ")));
}

std::vector<std::string> Domains(std::span<const std::vector<Candidate>> has) {
  std::vector<std::string> domains;
  std::set<std::string_view> seen;
  for (const std::vector<Candidate>& host : has) {
    for (const Candidate& candidate : host) {
      if (seen.insert(candidate.domain).second) domains.push_back(candidate.domain);
    }
  }
  return domains;
}

// Where a domain has no address to show, its provider; "-" for none at all.
std::string Cell(const std::vector<Candidate>& has, const std::string& domain) {
  std::vector<std::string> addresses;
  for (const Candidate& candidate : has) {
    if (candidate.domain != domain) continue;
    const std::string& address = candidate.address.empty() ? candidate.provider : candidate.address;
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
  }
  return addresses.empty() ? "-" : fmt::format("{}", fmt::join(addresses, ","));
}

}  // namespace

Status CheckNetworks(const NetworkWish& wish, std::span<const Member> members,
                     std::span<const std::vector<Candidate>> has) {
  const Result<fabric::NetType> net_type = fabric::ParseNetType(wish.net_type);
  if (!net_type) return std::unexpected(net_type.error());
  std::vector<size_t> lacking;
  for (const size_t rank : FirstRankOfEachHost(members)) {
    const Result<std::string> bind_host = BindHost(wish, rank);
    if (!bind_host) return std::unexpected(bind_host.error());
    if (RankCandidates(has[rank], {*net_type, *bind_host, wish.one_network}).empty()) lacking.push_back(rank);
  }
  if (lacking.empty()) return {};
  return Lacking(wish, lacking, members, has[lacking.front()]);
}

std::string FullBook(std::span<const Member> members, std::span<const std::vector<Candidate>> has,
                     std::span<const BookEntry> of_facility) {
  const std::vector<std::string> domains = Domains(has);
  std::string book = "hostname";
  for (const std::string& domain : domains) book += " | " + domain;
  book += of_facility.empty() ? "\n" : " | facility\n";
  for (const size_t rank : FirstRankOfEachHost(members)) {
    book += members[rank].host;
    for (const std::string& domain : domains) book += " | " + Cell(has[rank], domain);
    book += of_facility.empty() ? "\n" : " | " + of_facility[rank].address + "\n";
  }
  return book;
}

}  // namespace copper::bootstrap

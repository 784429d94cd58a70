// A site's book, filtered down to the hosts of a job.

#include <algorithm>
#include <map>
#include <set>

#include "copper/base/log.h"
#include "copper/bootstrap/address_book.h"

namespace copper::bootstrap {
namespace {

constexpr size_t kMostNamed = 8;

std::vector<std::string> Words(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string> words;
  constexpr std::string_view kBlanks = " \t\r\v\f";
  for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::string Place(const std::string& file, uint64_t line) {
  return fmt::format("{}, line {}", file, line);
}

struct Given {
  BookEntry entry;
  fabric::BindAddress address;
};
using GivenByHost = std::map<std::string, std::vector<Given>, std::less<>>;

Status AddLine(std::string_view text, const std::string& file, uint64_t line, GivenByHost& given) {
  const std::vector<std::string> words = Words(text);
  if (words.empty()) return {};
  const auto host = given.find(words[0].substr(0, words[0].find('.')));
  if (host == given.end()) return {};
  if (words.size() != 2) {
    return Fail(EINVAL, fmt::format("{}: what it says of host {} is no `host address`: {}", Place(file, line),
                                    host->first, text));
  }
  const Result<fabric::BindAddress> address = fabric::ParseBindAddress(words[1]);
  if (!address) {
    return Fail(EINVAL, fmt::format("{}, host {}: {}", Place(file, line), host->first, address.error().message));
  }
  const bool is_new = std::ranges::none_of(host->second, [&](const Given& other) { return other.address == *address; });
  if (is_new) host->second.push_back({{words[1], line}, *address});
  return {};
}

Status Missing(const GivenByHost& given, const std::string& file) {
  std::vector<std::string> missing;
  for (const auto& [host, lines] : given) {
    if (lines.empty()) missing.push_back(host);
  }
  if (missing.empty()) return {};
  std::string names = missing.front();
  for (size_t i = 1; i < std::min(missing.size(), kMostNamed); ++i) names += ", " + missing[i];
  if (missing.size() > kMostNamed) names += fmt::format(" and {} more", missing.size() - kMostNamed);
  return Fail(ENODEV, fmt::format("the address book {} has no line for host{} {}: add `host address`, or use "
                                  "--address-book-source discover",
                                  file, missing.size() > 1 ? "s" : "", names));
}

// What the ranks of one host get, one after the other.
Result<std::vector<BookEntry>> ShareOut(const std::string& host, const std::vector<Given>& given, size_t ranks,
                                        const std::string& file) {
  const fabric::BindAddress& first = given.front().address;
  if (given.size() == 1) {
    if (first.port == 0 || ranks == 1) return std::vector<BookEntry>(ranks, given.front().entry);
    return Fail(EINVAL, fmt::format("{}: {} ranks on host {} can't share {}: give it without the port, or a line with "
                                    "another port for each",
                                    Place(file, given.front().entry.line), ranks, host, given.front().entry.address));
  }
  std::vector<BookEntry> entries;
  for (const Given& one : given) {
    const bool beside = one.address.host == first.host && one.address.port != 0 && given.size() == ranks;
    if (!beside) {
      const BookEntry& other = &one == &given.front() ? given[1].entry : one.entry;
      return Fail(EINVAL, fmt::format("the address book {} gives host {} different addresses: {} in line {}, {} in "
                                      "line {}; leave the one that Copper should use",
                                      file, host, given.front().entry.address, given.front().entry.line, other.address,
                                      other.line));
    }
    entries.push_back(one.entry);
  }
  return entries;
}

Result<GivenByHost> ReadLines(std::string_view text, const std::string& file, std::span<const std::string> hosts) {
  GivenByHost given;
  for (const std::string& host : hosts) given[host];
  uint64_t line = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (const Status added = AddLine(text.substr(0, end), file, ++line, given); !added)
      return std::unexpected(added.error());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return given;
}

}  // namespace

Result<std::vector<BookEntry>> FilterBook(std::string_view text, const std::string& file,
                                          std::span<const std::string> hosts) {
  const Result<GivenByHost> given = ReadLines(text, file, hosts);
  if (!given) return std::unexpected(given.error());
  if (const Status complete = Missing(*given, file); !complete) return std::unexpected(complete.error());
  std::map<std::string, std::vector<size_t>, std::less<>> ranks;
  for (size_t rank = 0; rank < hosts.size(); ++rank) ranks[hosts[rank]].push_back(rank);
  std::vector<BookEntry> entries(hosts.size());
  for (const auto& [host, here] : ranks) {
    const Result<std::vector<BookEntry>> shares = ShareOut(host, given->find(host)->second, here.size(), file);
    if (!shares) return std::unexpected(shares.error());
    for (size_t i = 0; i < here.size(); ++i) entries[here[i]] = (*shares)[i];
  }
  return entries;
}

}  // namespace copper::bootstrap

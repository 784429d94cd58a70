#include "copper/bootstrap/address_book.h"

#include "bootstrap/messages.h"
#include "copper/base/files.h"
#include "copper/base/log.h"

namespace copper::bootstrap {
namespace {

using fabric::Candidate;

// Ten thousand hosts take less than a hundredth of it.
constexpr size_t kMostOfBook = size_t{64} << 20;

Result<std::vector<BookEntry>> ReadFacilityBook(const std::string& file, std::span<const Member> members) {
  const Result<std::string> text = ReadWholeFile(file, kMostOfBook);
  if (!text) return Fail(text.error().code, "cannot read the facility address book: " + text.error().message);
  std::vector<std::string> hosts;
  for (const Member& member : members) hosts.push_back(member.host);
  return FilterBook(*text, file, hosts);
}

}  // namespace

std::string BookText(std::span<const Member> members, std::span<const MemberAddress> addresses) {
  std::string book;
  for (size_t rank = 0; rank < members.size(); ++rank) book += members[rank].host + " " + addresses[rank].text + "\n";
  return book;
}

Result<AddressBook> AddressBook::Agree(World& world, std::span<const Member> members, const Options& options,
                                       const std::vector<Candidate>& mine) {
  AddressBook book;
  book.options_ = options;
  const std::vector<std::string> encoded = world.AllGather(EncodeEndpoints(mine));
  NetworkWish wish{options.net_type, options.facility_file, {}, OneNetwork(members)};
  Status checked;
  if (world.rank() == 0) {
    std::vector<std::vector<Candidate>> has;
    for (const std::string& one : encoded) has.push_back(DecodeEndpoints(one));
    if (!options.facility_file.empty()) {
      Result<std::vector<BookEntry>> entries = ReadFacilityBook(options.facility_file, members);
      if (entries)
        wish.of_facility = std::move(*entries);
      else
        checked = std::unexpected(entries.error());
    }
    if (checked) checked = CheckNetworks(wish, members, has);
    book.full_book_ = FullBook(members, has, wish.of_facility);
  }
  const std::string entries = world.Broadcast(0, checked ? EncodeEntries(wish.of_facility) : "");
  if (!checked) return std::unexpected(checked.error());
  if (!entries.empty()) book.mine_ = DecodeEntry(entries, world.rank());
  return book;
}

Error AddressBook::Explain(const Error& error, const std::string& host) const {
  if (mine_.address.empty()) return error;
  return {error.code, fmt::format("{}, line {}, gives host {} the address {}: {}", options_.facility_file, mine_.line,
                                  host, mine_.address, error.message)};
}

Status AddressBook::Write(const JobDirectory& job, std::span<const Member> members,
                          std::span<const MemberAddress> addresses) const {
  const bool facility = !options_.facility_file.empty();
  const std::string source =
      facility ? "# facility: " + options_.facility_file + "\n" : "# discover, net type " + options_.net_type + "\n";
  const std::string book = (facility ? source : "") + BookText(members, addresses);
  std::string nodes;
  for (const Member& member : members) nodes += member.host + "\n";
  if (const Status written = WriteWholeFile(job.node_file(), nodes, 0600); !written) return written;
  if (const Status written = WriteWholeFile(job.full_address_book(), full_book_ + source, 0600); !written)
    return written;
  return WriteWholeFile(job.address_book(), book, 0600);
}

}  // namespace copper::bootstrap

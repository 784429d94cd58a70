// Where each rank binds to: what its host has (discover), or what a site's file says of its host (facility). And the
// two files about it that rank 0 writes: logs/copper_address_book.txt and logs/copper_address_book_full_output.txt.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"
#include "copper/bootstrap/members.h"
#include "copper/bootstrap/world.h"
#include "copper/fabric/net_type.h"
#include "copper/jobdir/job_directory.h"

namespace copper::bootstrap {

// What a site's book says of the host of one rank.
struct BookEntry {
  std::string address;  // as it stands there; empty: none
  uint64_t line = 0;    // from 1

  bool operator==(const BookEntry&) const = default;
};

// result[r] is for the rank on hosts[r] (short names).
//
// A line is `host address`; the host's name may be a full one, what follows a # is a comment, and lines about other
// hosts are passed over unread. Several ranks on one host get one address without a port, or the addresses with a port
// of as many lines, in their order. ENODEV (a host is missing), EINVAL (a line that can't be understood, or a host that
// has different addresses); the messages name host, `file` and line.
Result<std::vector<BookEntry>> FilterBook(std::string_view text, const std::string& file,
                                          std::span<const std::string> hosts);

// What every rank's host has to have, and what it has.
struct NetworkWish {
  std::string net_type;
  std::string facility_file;           // empty: discover
  std::vector<BookEntry> of_facility;  // of each rank; empty: discover
  bool one_network = false;
};
// ENODEV, with the first host named that has nothing that fits, and what it has; EINVAL for a net type that is none.
Status CheckNetworks(const NetworkWish& wish, std::span<const Member> members,
                     std::span<const std::vector<fabric::Candidate>> has);

// `hostname | cxi0 | cxi1`, then a row for each host: its addresses in each domain. A book's addresses come last.
std::string FullBook(std::span<const Member> members, std::span<const std::vector<fabric::Candidate>> has,
                     std::span<const BookEntry> of_facility);

// `host address`, a line for each rank.
std::string BookText(std::span<const Member> members, std::span<const MemberAddress> addresses);

class AddressBook {
 public:
  struct Options {
    std::string net_type;
    std::string facility_file;  // empty: discover
  };
  // Collective. Rank 0 alone reads the file, and has the errors of all that is above; what it leaves to the others is
  // then of no use.
  static Result<AddressBook> Agree(World& world, std::span<const Member> members, const Options& options,
                                   const std::vector<fabric::Candidate>& mine);

  // This rank's, for fabric::EndpointOptions; empty: any.
  const std::string& bind_address() const { return mine_.address; }
  // Why this rank could not bind, with where its address comes from.
  Error Explain(const Error& error, const std::string& host) const;
  // Rank 0: node_file.txt (a host a line) and both books. What comes from a file names it in a comment, and may be
  // given as such a file again.
  Status Write(const JobDirectory& job, std::span<const Member> members,
               std::span<const MemberAddress> addresses) const;

 private:
  Options options_;
  BookEntry mine_;
  std::string full_book_;  // rank 0's
};

}  // namespace copper::bootstrap

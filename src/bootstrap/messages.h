// What ranks tell each other at the start: how it is written, and read again.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/bootstrap/address_book.h"
#include "copper/bootstrap/members.h"

namespace copper::bootstrap {

std::string EncodeMemberAddress(const MemberAddress& peer);
Result<MemberAddress> DecodeMemberAddress(std::string_view encoded);  // EBADMSG

// A line for each; what is missing in one is empty.
std::string EncodeEndpoints(const std::vector<fabric::Candidate>& endpoints);
std::vector<fabric::Candidate> DecodeEndpoints(std::string_view text);

std::string EncodeEntries(std::span<const BookEntry> entries);
// That of one rank; empty where there is none.
BookEntry DecodeEntry(std::string_view entries, Rank rank);

}  // namespace copper::bootstrap

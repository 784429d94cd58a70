#include "bootstrap/messages.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "bootstrap/fields.h"

namespace copper::bootstrap {
namespace {

using fabric::Candidate;

fabric::Address AsAddress(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

// What stands before the next `mark`; takes both from the text.
std::string Take(std::string_view& text, char mark) {
  const size_t end = std::min(text.find(mark), text.size());
  std::string taken(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

}  // namespace

std::string EncodeMemberAddress(const MemberAddress& member) {
  const std::string_view address(reinterpret_cast<const char*>(member.address.data()), member.address.size());
  return FieldWriter().Add(address).Add(member.text).Take();
}

Result<MemberAddress> DecodeMemberAddress(std::string_view encoded) {
  FieldReader fields(encoded);
  MemberAddress member;
  member.address = AsAddress(fields.Next());
  member.text = fields.Next();
  if (!fields.AtEnd()) return Fail(EBADMSG, "a rank's address is malformed");
  return member;
}

std::string EncodeMember(const Member& member) {
  return FieldWriter()
      .Add(member.host)
      .Add(std::to_string(member.pid))
      .Add(member.boot_id)
      .Add(member.mount_point)
      .Add(member.mount_digest)
      .Add(member.network)
      .Take();
}

Result<Member> DecodeMember(std::string_view encoded) {
  FieldReader fields(encoded);
  Member member;
  member.host = fields.Next();
  const std::string pid = fields.Next();
  member.boot_id = fields.Next();
  member.mount_point = fields.Next();
  member.mount_digest = fields.Next();
  member.network = fields.Next();
  const auto [rest, error] = std::from_chars(pid.data(), pid.data() + pid.size(), member.pid);
  if (!fields.AtEnd() || error != std::errc() || rest != pid.data() + pid.size()) {
    return Fail(EBADMSG, "what a rank says of itself is malformed: is every rank the same cu_fuse?");
  }
  return member;
}

std::string EncodeEndpoints(const std::vector<Candidate>& endpoints) {
  std::string text;
  for (const Candidate& endpoint : endpoints)
    text += endpoint.provider + "\t" + endpoint.domain + "\t" + endpoint.address + "\n";
  return text;
}

std::vector<Candidate> DecodeEndpoints(std::string_view text) {
  std::vector<Candidate> endpoints;
  while (!text.empty()) {
    std::string provider = Take(text, '\t');
    std::string domain = Take(text, '\t');
    endpoints.push_back({std::move(provider), std::move(domain), Take(text, '\n')});
  }
  return endpoints;
}

std::string EncodeEntries(std::span<const BookEntry> entries) {
  FieldWriter fields;
  for (const BookEntry& entry : entries) fields.Add(entry.address).Add(std::to_string(entry.line));
  return fields.Take();
}

BookEntry DecodeEntry(std::string_view entries, Rank rank) {
  FieldReader fields(entries);
  for (Rank before = 0; before < rank; ++before) {
    fields.Next();
    fields.Next();
  }
  BookEntry entry{fields.Next(), 0};
  entry.line = std::strtoull(fields.Next().c_str(), nullptr, 10);
  return entry;
}

}  // namespace copper::bootstrap

// Wire version 3: the header of every message. The layout, byte by byte, is in src/wire/README.md.
//
// All integers are little endian and of fixed width. Decoding trusts nothing: a message that is too short, of another
// version or job, of an unknown kind, or whose tag does not match is an error, never a crash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/chunk_size.h"
#include "copper/base/ids.h"
#include "copper/base/result.h"
#include "copper/names/attributes.h"
#include "copper/wire/keys.h"

namespace copper::wire {

inline constexpr uint16_t kVersion = 3;
inline constexpr size_t kHeaderSize = 192;
inline constexpr size_t kMaxPayload = kChunkSize;
// Of requests, whose payload is a path.
inline constexpr size_t kMaxRequestPayload = size_t{64} << 10;
// Every payload lies under the tag: up to this size as it is, a larger one by its hash, which is faster from there on;
// or by its seal, if it has one (kSealed), which whoever asked for it checks.
inline constexpr size_t kHashedFrom = 4096;

enum class Kind : uint8_t {
  kLook = 1,       // attributes of a path                      request payload: path; reply: attributes
  kList = 2,       // a piece of a directory's packed listing    request payload: path; reply: bytes of it
  kRead = 3,       // a chunk of a file                          request payload: path; reply: the bytes
  kSeek = 4,       // SEEK_DATA, SEEK_HOLE                       request payload: path; reply: argument
  kStatus = 5,     // what this rank has counted                 reply: JSON
  kStop = 6,       // end the job                                no payload
  kUnmounted = 7,  // the sender's mount is gone (to rank 0)  no payload
  kPing = 8,       // are you there, and at work on these: answered at once   request payload: ids; reply: a bit each
  kLeft = 9,       // the sender and those below it have left  request payload: ranks that did not
  kRefresh = 10,   // forget a path                              request payload: path; reply: ranks not reached
  kReduce = 11,    // a piece of this rank's profile             request payload: its tag; reply: the piece
  kSettle = 12,    // may the job go on under this ctime         request payload: path
  kCompare = 13,   // is what you have read of it still so       request payload: path
};

enum Flags : uint8_t {
  kReply = 1,      // else a request
  kUnchanged = 2,  // reply to kList: what you know (the version you sent) is still true
  kZeros = 4,      // reply to kRead: `argument` zero bytes, none sent
  kAsRoot = 8,     // request: read the source in the root's place, and ask nobody for it
  kSealed = 16,    // reply to kRead or kList: `seal` is of what the payload is, or is a piece of
};

struct Header {
  Kind kind = Kind::kLook;
  uint8_t flags = 0;
  JobId job{};
  Rank origin = 0;            // who sent this message
  Rank to = 0;                // to whom: it is nobody else's
  uint64_t request_id = 0;    // made by the asking side; the reply repeats it
  uint64_t sequence = 0;      // counts the messages of one origin to one peer: none is taken twice
  uint32_t remaining_ms = 0;  // the time that remains to answer, not a fixed timeout
  uint16_t hops = 0;          // between the asking leaf and this message
  uint16_t credits = 0;       // reply: how many requests the asking side may have under way here
  int32_t error = 0;          // reply: errno, 0 for success
  FileVersion version{};      // of what is asked for or sent
  FileTime ctime{};           // beside it, of the same file
  uint64_t argument = 0;      // request: chunk, piece or offset; reply: total size, or what was found
  uint32_t argument2 = 0;     // request: whence; entry limit; reply: ms it is true, UINT32_MAX: for the job
  Seal seal{};                // with kSealed

  bool IsReply() const { return (flags & kReply) != 0; }
  bool operator==(const Header&) const = default;
};

// The header for this payload, tag included: kHeaderSize bytes. The payload is at most kMaxPayload, kMaxRequestPayload
// in a request. Any thread. Throws std::bad_alloc.
std::vector<std::byte> Encode(const Header& header, std::span<const std::byte> payload, const Keys& keys);

// EBADMSG: unparsable (magic, version, kind, flags, errno, times, reserved bytes, length). EPERM: another job's, or the
// tag does not match.
Result<Header> Decode(std::span<const std::byte> head, std::span<const std::byte> payload, const Keys& keys);

}  // namespace copper::wire

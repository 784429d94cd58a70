// A profile on its way to another rank: pieces of at most kMaxPiece bytes, first the head (everything but the paths)
// and then the paths, so that the other side merges what comes without ever holding all of it.
//
// A piece begins with one byte: 'h', a part of the head; 'l', the last part of it; 'p', paths; 'e', the end.
#pragma once

#include <optional>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

class ProfileStream {
 public:
  static constexpr size_t kMaxPiece = PathRun::kMaxPiece + 1;

  // The paths are shared with the caller's, not copied.
  explicit ProfileStream(const Profile& profile);
  // The next piece, the last of which is the end; nullopt after it.
  std::optional<Bytes> Next();

 private:
  std::string head_;
  size_t sent_ = 0;  // of the head
  PathRun paths_;
  bool head_over_ = false, over_ = false;
};

// Merges what a stream brings into a profile. What `next` fails with (nothing is an error, too: EBADMSG), or EBADMSG:
// then the rows of the other side's ranks are not taken, but its paths may be, in part.
using NextPiece = std::move_only_function<Result<Bytes>()>;
Status MergeStream(Profile& into, NextPiece next);

}  // namespace copper::profile

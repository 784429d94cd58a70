#include "copper/bootstrap/world_reducer.h"

#include "copper/profile/profile_stream.h"

namespace copper::bootstrap {

using profile::Profile;
using profile::ProfileStream;

Status WorldReducer::Reduce(std::optional<Profile>& profile, TimePoint deadline) {
  const Profile own = *profile;  // its paths are shared, not copied
  Status reduced = MergeUp(profile, deadline);
  if (reduced) reduced = world_.Barrier(deadline);
  if (!reduced) profile = own;
  return reduced;
}

Status WorldReducer::MergeUp(std::optional<Profile>& profile, TimePoint deadline) {
  const Rank self = world_.rank();
  for (const uint64_t child : {uint64_t{2} * self + 1, uint64_t{2} * self + 2}) {
    if (child >= world_.size()) break;
    const Status merged = profile::MergeStream(
        *profile, [&] { return world_.Receive(static_cast<Rank>(child), ProfileStream::kMaxPiece, deadline); });
    if (!merged) return merged;
  }
  if (self == 0) return {};
  const Status sent = SendTo((self - 1) / 2, *profile, deadline);
  if (sent) profile.reset();
  return sent;
}

Status WorldReducer::SendTo(Rank parent, const Profile& profile, TimePoint deadline) {
  ProfileStream stream(profile);
  while (const std::optional<Bytes> piece = stream.Next()) {
    if (const Status sent = world_.Send(parent, *piece, deadline); !sent) return sent;
  }
  return {};
}

}  // namespace copper::bootstrap

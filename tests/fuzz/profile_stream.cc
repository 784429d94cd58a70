// A profile on its way to another rank: what is accepted can be sent on, and is the same at the other end.
#include "copper/profile/profile_stream.h"

#include "expect.h"
#include "pieces.h"

using namespace copper;
using namespace copper::profile;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Pieces pieces({data, size});
  Profile profile;
  const Status merged = MergeStream(profile, [&pieces]() -> Result<Bytes> {
    auto piece = pieces.Next();
    if (!piece) return Fail(EBADMSG);
    return *std::move(piece);
  });
  if (!merged) {
    EXPECT_ALWAYS(merged.error().code == EBADMSG);
    return 0;
  }
  Profile other;
  ProfileStream stream(profile);
  EXPECT_ALWAYS(MergeStream(other, [&stream]() -> Result<Bytes> { return *stream.Next(); }));
  EXPECT_ALWAYS(other.ranks == profile.ranks && other.paths.rows() == profile.paths.rows());
  return 0;
}

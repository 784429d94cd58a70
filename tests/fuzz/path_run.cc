// The paths of a profile, piece by piece: they come in order, and merging them keeps each.
#include "copper/profile/path_run.h"

#include "expect.h"
#include "pieces.h"

using namespace copper;
using namespace copper::profile;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Pieces pieces({data, size});
  PathCursor cursor([&pieces]() -> Result<std::optional<Bytes>> { return pieces.Next(); });
  PathRun run;
  const Status merged = Merge(run, cursor);
  EXPECT_ALWAYS(merged || merged.error().code == EBADMSG);
  uint64_t rows = 0;
  std::string last;
  run.ForEach([&](std::string_view path, const PathUse& use) {
    EXPECT_ALWAYS(rows == 0 || last < path);
    EXPECT_ALWAYS(path.size() <= PathRun::kMaxPath && use.kind < PathKind::kCount);
    last.assign(path);
    ++rows;
  });
  EXPECT_ALWAYS(rows == run.rows());
  return 0;
}

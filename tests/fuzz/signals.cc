// A thread's /proc/PID/status: its first line is a name that the thread chose.
#include "expect.h"
#include "fuse/fatal_signals.h"

using copper::fuse::Fate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Fate fate = copper::fuse::FateOf({reinterpret_cast<const char*>(data), size});
  EXPECT_ALWAYS(fate == Fate::kLives || fate == Fate::kEnds || fate == Fate::kUnknown);
  return 0;
}

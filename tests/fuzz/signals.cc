// A thread's /proc/PID/status: its first line is a name that the thread chose.
#include "copper/base/fatal_signals.h"
#include "expect.h"

using copper::Fate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Fate fate = copper::FateOf({reinterpret_cast<const char*>(data), size});
  EXPECT_ALWAYS(fate == Fate::kLives || fate == Fate::kEnds || fate == Fate::kUnknown);
  return 0;
}

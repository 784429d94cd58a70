// What must hold whatever comes in: else the target fails, and libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define EXPECT_ALWAYS(condition)                                                     \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

#include "copper/base/memory_bounds.h"

#include <malloc.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "copper/base/memory_limit.h"

namespace copper {
namespace {

// Left alone, glibc takes ever larger buffers from its arenas once some were freed, has an arena for nearly every
// thread, and keeps what is free in them: 30 MiB of a rank whose budget was 24.
constexpr int kLargestInArena = 128 << 10;
constexpr int kArenas = 4;

}  // namespace

void BoundFreeMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, kLargestInArena);
  mallopt(M_TRIM_THRESHOLD, kLargestInArena);
  mallopt(M_ARENA_MAX, kArenas);
#endif
}

void BoundAddressSpace() {
#ifdef __GLIBC__
  constexpr size_t kStack = size_t{1} << 20;
  if (AddressSpaceLimit() == UINT64_MAX) return;
  mallopt(M_ARENA_MAX, 1);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
#endif
}

}  // namespace copper

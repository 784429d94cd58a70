// Where a lack of memory becomes an errno: at the doors that a thread comes in by, and for one request at a time.
#pragma once

#include <new>

#include "copper/base/result.h"

namespace copper {

// Runs `work`; ENOMEM if an allocation in it failed.
template <class Work>
Status Attempt(Work&& work) {
  try {
    work();
    return {};
  } catch (const std::bad_alloc&) {
    return Fail(ENOMEM);
  }
}

}  // namespace copper

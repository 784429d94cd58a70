// Where a lack of memory becomes an errno: around what asks for much (a chunk, a listing), and there alone. What asks
// for little is guarded nowhere: it ends the process, with a reason (copper/jobdir/uncaught.h).
#pragma once

#include <new>
#include <type_traits>

#include "copper/base/result.h"

namespace copper {

// What `work` returns, a Status or a Result, or Status() where that is nothing; ENOMEM if an allocation in it failed.
template <class Work>
auto Attempt(Work&& work)
    -> std::conditional_t<std::is_void_v<std::invoke_result_t<Work>>, Status, std::invoke_result_t<Work>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const std::bad_alloc&) {
    return Fail(ENOMEM);
  }
}

}  // namespace copper

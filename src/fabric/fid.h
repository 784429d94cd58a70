// Owners for what libfabric hands out, and its error codes as ours.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include <memory>
#include <string_view>

#include "copper/base/result.h"

namespace copper::fabric {

// A fabric, domain, address vector, completion queue, endpoint or memory region.
template <class T>
struct CloseFid {
  void operator()(T* object) const { fi_close(&object->fid); }
};
template <class T>
using FidPtr = std::unique_ptr<T, CloseFid<T>>;

struct FreeInfo {
  void operator()(fi_info* info) const { fi_freeinfo(info); }
};
using InfoPtr = std::unique_ptr<fi_info, FreeInfo>;

// libfabric's codes are errno values up to 255; from 256 on they are its own and become EIO.
inline int ErrnoOf(ssize_t code) {
  const auto positive = static_cast<int>(code < 0 ? -code : code);
  return positive > 0 && positive < FI_ERRNO_OFFSET ? positive : EIO;
}

// "doing: what libfabric says"; `code` with either sign.
std::unexpected<Error> FailFabric(ssize_t code, std::string_view doing);

}  // namespace copper::fabric

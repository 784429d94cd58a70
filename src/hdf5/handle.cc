#include "hdf5/handle.h"

namespace copper::hdf5 {
namespace {

herr_t TakeReason(unsigned /*n*/, const H5E_error2_t* error, void* reason) {
  auto& text = *static_cast<std::string*>(reason);
  if (error->desc != nullptr && *error->desc != 0) text = error->desc;
  return 1;  // the first is the innermost: enough
}

}  // namespace

std::string LastHdf5Reason() {
  std::string reason = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, TakeReason, &reason);
  return reason;
}

QuietErrors::QuietErrors() {
  // What HDF5 cleans up at exit is closed already; after a damaged file it finds no end in it, and says so on stderr.
  H5dont_atexit();
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

QuietErrors::~QuietErrors() {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, print_, data_);
}

}  // namespace copper::hdf5

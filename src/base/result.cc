#include "copper/base/result.h"

#include <system_error>

namespace copper {

std::string Error::Describe() const {
  return message.empty() ? std::generic_category().message(code) : message;
}

std::unexpected<Error> FailErrno(std::string doing) {
  const int code = errno;
  return Fail(code, std::move(doing) + ": " + std::generic_category().message(code));
}

}  // namespace copper

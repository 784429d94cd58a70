// Result<T>: a value, or the errno that explains its absence.
//
// Every function that can fail returns one; no exception crosses a module. `message` is for people and stays empty on
// the path of a request, where the errno alone reaches the caller; whoever decides what an error means logs it, once.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <utility>

namespace copper {

struct Error {
  int code = EIO;       // an errno, never 0
  std::string message;  // what happened, to what, and what to do about it; empty on the path of a request

  // The message, or the errno's own text where there is none.
  std::string Describe() const;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> Fail(int code, std::string message = {}) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// The errno of the system call that just failed, with what was being done: "cannot open /x: Permission denied".
[[nodiscard]] std::unexpected<Error> FailErrno(std::string doing);

}  // namespace copper

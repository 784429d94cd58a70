// HDF5 without its manners: handles that close themselves, and its errors as one exception, which never leaves
// this room, in place of its printing to stderr.
#pragma once

#include <hdf5.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace copper::hdf5 {

// Something that HDF5 could not do, or that a file should not contain.
class Hdf5Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Of the last call of HDF5 that failed: its innermost reason.
std::string LastHdf5Reason();

// A negative answer of HDF5 becomes an exception that says what was being done.
template <class Answer>
Answer Check(Answer answer, const char* doing) {
  if (answer < 0) throw Hdf5Failure(std::string(doing) + ": " + LastHdf5Reason());
  return answer;
}

class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close, const char* doing) : id_(Check(id, doing)), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  hid_t get() const { return id_; }
  // Where the result of closing matters.
  void CloseNow(const char* doing) { Check(close_(std::exchange(id_, -1)), doing); }

 private:
  hid_t id_;
  Close close_;
};

// Keeps HDF5 from printing, as long as it lives.
class QuietErrors {
 public:
  QuietErrors();
  ~QuietErrors();
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

}  // namespace copper::hdf5

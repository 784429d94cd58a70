#include "storage/retry.h"  // private to the module

#include <gtest/gtest.h>

#include <vector>

namespace copper::storage {
namespace {

// A system call that fails with these errors one after the other, then returns 7.
struct Failing {
  std::vector<int> errors;
  int calls = 0;
  int operator()() {
    const auto call = static_cast<size_t>(calls++);
    if (call >= errors.size()) return 7;
    errno = errors[call];
    return -1;
  }
};

TEST(Retry, WhatPassesIsTriedAgain) {
  Failing call{{EINTR, EAGAIN, EINTR}};
  EXPECT_EQ(Retry([&] { return call(); }), 7);
  EXPECT_EQ(call.calls, 4);
}

TEST(Retry, WhatStaysIsBelieved) {
  for (const int error : {EINTR, EAGAIN}) {
    Failing call{std::vector<int>(1000, error)};
    EXPECT_EQ(Retry([&] { return call(); }), -1);
    EXPECT_EQ(errno, error == EINTR ? EIO : error) << "who hears EINTR would ask again for ever";
    EXPECT_EQ(call.calls, kTries);
  }
}

TEST(Retry, OtherErrorsAreBelievedAtOnce) {
  for (const int error : {EIO, ENOENT, ESTALE, EACCES, ENOTCONN}) {
    Failing call{{error, error}};
    EXPECT_EQ(Retry([&] { return call(); }), -1);
    EXPECT_EQ(errno, error);
    EXPECT_EQ(call.calls, 1);
  }
}

}  // namespace
}  // namespace copper::storage

// Orders that a job carries out and answers with a line: by its job directory, or by a mount of it on this node.
#pragma once

#include <string>

#include "copper/base/clock.h"
#include "copper/jobdir/json.h"
#include "copper/jobdir/place.h"

namespace copper::cli {

struct Order {
  Json request;          // as control/ takes it
  unsigned command = 0;  // as `.copper/control` takes it (copper/base/control_ioctl.h), with
  std::string text;      // this text
  std::string doing;     // "refresh": for messages
  Duration timeout = std::chrono::seconds(60);
};

// Prints what the job answers. Returns 0; 1 where it could not.
int Give(const Place& place, const Order& order);

}  // namespace copper::cli

#include <cstdio>

#include "refuse.h"

namespace copper::postproc {

int Refuse(const std::string& message) {
  std::fprintf(stderr, "copper: %s\n", message.c_str());
  return 1;
}

}  // namespace copper::postproc

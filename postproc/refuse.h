#pragma once

#include <string>

namespace copper::postproc {

// Prints "copper: <message>" to stderr; returns 1.
int Refuse(const std::string& message);

}  // namespace copper::postproc

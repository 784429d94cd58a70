// Plots for tests/simulation/README.md: lines over two logarithmic scales, as SVG.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace copper::simulation {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points{};  // in the order of x; all over 0, others are left out
};

struct Plot {
  std::string title, x, y;  // of the axes, with their units
  std::vector<Line> lines{};
};

// The whole file. The same plot gives the same bytes.
std::string Svg(const Plot& plot);

}  // namespace copper::simulation

#include "simulation/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace copper::simulation {
namespace {

constexpr double kWidth = 720, kHeight = 420;
constexpr double kLeft = 80, kRight = 190, kTop = 50, kBottom = 60;  // margins; names of lines stand on the right
constexpr std::array<std::string_view, 5> kColors = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e"};

// From one power of ten to another, over a length of the picture.
class Scale {
 public:
  Scale(double least, double most, double from, double to)
      : first_(std::floor(std::log10(least))),
        last_(std::max(std::ceil(std::log10(most)), first_ + 1)),
        from_(from),
        to_(to) {}

  double At(double value) const { return from_ + (std::log10(value) - first_) / (last_ - first_) * (to_ - from_); }
  int first() const { return static_cast<int>(first_); }
  int last() const { return static_cast<int>(last_); }

 private:
  double first_, last_, from_, to_;
};

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return escaped;
}

std::string Text(double x, double y, std::string_view anchor, std::string_view text, std::string_view more = {}) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     Escaped(text));
}

std::string Grid(double x1, double y1, double x2, double y2) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", x1, y1, x2,
                     y2);
}

std::string Power(int exponent) {
  return exponent < -2 || exponent > 5 ? fmt::format("1e{}", exponent) : fmt::format("{:g}", std::pow(10, exponent));
}

std::string Axes(const Plot& plot, const Scale& x, const Scale& y) {
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  std::string svg;
  for (int exponent = x.first(); exponent <= x.last(); ++exponent) {
    const double at = x.At(std::pow(10, exponent));
    svg += Grid(at, kTop, at, bottom) + Text(at, bottom + 18, "middle", Power(exponent));
  }
  for (int exponent = y.first(); exponent <= y.last(); ++exponent) {
    const double at = y.At(std::pow(10, exponent));
    svg += Grid(kLeft, at, right, at) + Text(kLeft - 8, at + 4, "end", Power(exponent));
  }
  const double middle = (kTop + bottom) / 2;
  svg += Text((kLeft + right) / 2, kHeight - 16, "middle", plot.x);
  svg += Text(20, middle, "middle", plot.y, fmt::format(" transform=\"rotate(-90 20 {:.1f})\"", middle));
  return svg + Text(kLeft, 28, "start", plot.title, " font-size=\"16\"");
}

std::string Drawn(const Line& line, std::string_view color, const Scale& x, const Scale& y) {
  std::string points, dots;
  for (const auto& [from, to] : line.points) {
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x.At(from), y.At(to));
    dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x.At(from), y.At(to), color);
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, color) +
         dots;
}

std::string Key(double y, std::string_view color, std::string_view name) {
  const double x = kWidth - kRight + 16;
  return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n", x, y - 10, color) +
         Text(x + 18, y, "start", name);
}

// Lines without what has no logarithm.
std::vector<Line> Drawable(std::vector<Line> lines) {
  for (Line& line : lines) {
    std::erase_if(line.points, [](const auto& point) { return point.first <= 0 || point.second <= 0; });
  }
  std::erase_if(lines, [](const Line& line) { return line.points.empty(); });
  return lines;
}

}  // namespace

std::string Svg(const Plot& plot) {
  const std::vector<Line> lines = Drawable(plot.lines);
  std::vector<double> xs, ys;
  for (const Line& line : lines) {
    for (const auto& [x, y] : line.points) {
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  if (xs.empty()) xs = ys = {1};
  const Scale x(std::ranges::min(xs), std::ranges::max(xs), kLeft, kWidth - kRight);
  const Scale y(std::ranges::min(ys), std::ranges::max(ys), kHeight - kBottom, kTop);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, kHeight);
  svg += Axes(plot, x, y);
  for (size_t number = 0; number < lines.size(); ++number) {
    const std::string_view color = kColors[number % kColors.size()];
    svg += Drawn(lines[number], color, x, y);
    svg += Key(kTop + 10 + 22 * static_cast<double>(number), color, lines[number].name);
  }
  return svg + "</svg>\n";
}

}  // namespace copper::simulation

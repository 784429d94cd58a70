// A bar on stderr, where that is a terminal; elsewhere nothing.
#pragma once

#include <cstdint>
#include <string>

namespace copper::postproc {

class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();  // takes the bar away
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `more` is said behind the bar. One thread.
  void Show(uint64_t done, uint64_t all, const std::string& more);

 private:
  const std::string what_;
  const bool terminal_;
};

// "[#########...........]"
std::string Bar(uint64_t done, uint64_t all, size_t width);

}  // namespace copper::postproc

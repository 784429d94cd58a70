#include "progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace copper::postproc {
namespace {

constexpr size_t kWidth = 30;

}  // namespace

ProgressBar::ProgressBar(std::string what) : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Show(uint64_t done, uint64_t all, const std::string& more) {
  if (!terminal_) return;
  std::fprintf(stderr, "\r\033[K%s %s %s", what_.c_str(), Bar(done, all, kWidth).c_str(), more.c_str());
  std::fflush(stderr);
}

std::string Bar(uint64_t done, uint64_t all, size_t width) {
  const size_t filled = all == 0 ? 0 : static_cast<size_t>(std::min(done, all) * width / all);
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

}  // namespace copper::postproc

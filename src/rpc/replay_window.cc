#include "rpc/replay_window.h"

#include <algorithm>
#include <cstddef>

namespace copper::rpc {

bool ReplayWindow::Take(uint64_t sequence) {
  if (sequence < base_) return false;
  const uint64_t word = sequence / kBits;
  if (sequence - base_ >= kWindow) Forget(word - base_ / kBits - (kWindow / kBits - 1));
  const uint64_t index = word - base_ / kBits;
  if (index >= taken_.size()) taken_.resize(index + 1);
  const uint64_t bit = uint64_t{1} << sequence % kBits;
  if ((taken_[index] & bit) != 0) return false;
  taken_[index] |= bit;
  while (!taken_.empty() && taken_.front() == UINT64_MAX) Forget(1);
  return true;
}

void ReplayWindow::Forget(uint64_t words) {
  const auto held = static_cast<std::ptrdiff_t>(std::min<uint64_t>(words, taken_.size()));
  taken_.erase(taken_.begin(), taken_.begin() + held);
  base_ += words * kBits;
}

}  // namespace copper::rpc

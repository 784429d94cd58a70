#include "copper/cache/vouched_comparison.h"

#include <algorithm>
#include <cerrno>

namespace copper::cache {

// A chunk that is there at once comes from inside the loop, which goes on then: no call is nested in another.
void VouchedComparison::Run() {
  do {
    if (failure_) return done_(std::unexpected(*failure_));
    if (next_ == seals_.size()) return done_(latest_);
    turn_ = Turn::kAsking;
    read_(seals_[next_].first, [self = shared_from_this()](const auto& found) { self->OnFound(found); });
  } while (turn_.exchange(Turn::kAsked) == Turn::kAnswered);
}

void VouchedComparison::OnFound(const Result<Chunk>& found) {
  if (const Status equal = Judge(found); !equal) failure_ = equal.error();
  ++next_;
  if (turn_.exchange(Turn::kAnswered) == Turn::kAsked) Run();
}

Status VouchedComparison::Judge(const Result<Chunk>& found) {
  if (!found) return std::unexpected(found.error());
  if (found->seal != seals_[next_].second) return Fail(ESTALE);
  latest_ = std::max(latest_, found->ctime);
  return {};
}

}  // namespace copper::cache

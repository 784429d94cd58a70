#include "copper/bootstrap/world.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "copper/base/log.h"

namespace copper::bootstrap {

Status World::Agree(const Status& mine, const std::string& host) {
  const Rank first = Least(mine ? size_ : rank_);
  if (first == size_) return {};
  std::string said;
  if (rank_ == first && !mine) {
    said = fmt::format("{} {} (rank {} on host {})", mine.error().code, mine.error().Describe(), rank_, host);
  }
  said = Broadcast(first, said);
  int code = EIO;
  const char* const after = std::from_chars(said.data(), said.data() + said.size(), code).ptr;
  return Fail(code, said.substr(std::min(static_cast<size_t>(after - said.data()) + 1, said.size())));
}

}  // namespace copper::bootstrap

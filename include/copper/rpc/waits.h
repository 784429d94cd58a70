// What waits for one and the same (the source, or one other rank): since when, and what is to be said of it.
//
// Any thread. The list outlives its tokens; its lock is a leaf.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper::rpc {

enum class Doing { kLooking, kListing, kReading, kSeeking, kMeasuring, kCount };
std::string_view Name(Doing doing);  // "reading"

class WaitList {
 public:
  // What has waited for `worth_telling` is news.
  WaitList(const Clock& clock, Duration worth_telling) : clock_(clock), worth_telling_(worth_telling) {}

  struct Wait {
    Doing doing;
    std::string path;
    TimePoint since;
  };

  // One wait; it is over when this goes.
  class Token {
   public:
    Token(Token&& other) noexcept : list_(std::exchange(other.list_, nullptr)), wait_(other.wait_) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
      if (list_ != nullptr) list_->End(wait_);
    }

   private:
    friend class WaitList;
    Token(WaitList* list, std::list<Wait>::iterator wait) : list_(list), wait_(wait) {}
    WaitList* list_;
    std::list<Wait>::iterator wait_;
  };
  [[nodiscard]] Token Begin(Doing doing, std::string path);

  bool empty() const;
  // The longest waits of at least `age`, longest first.
  std::vector<Wait> Longest(Duration age, size_t most) const;
  // When the last one began that has lasted for `age`; nullopt if there is none.
  std::optional<TimePoint> LastOld(Duration age) const;

  // What is to be said: that something has waited for so long, once for each thing that is done; and when nothing
  // of the kind waits so long any more.
  struct News {
    Wait wait;
    bool is_over;  // `wait` took the longest
    Duration waited;
  };
  std::vector<News> TakeNews();

 private:
  void End(std::list<Wait>::iterator wait);

  const Clock& clock_;
  const Duration worth_telling_;
  mutable Mutex mutex_;
  std::list<Wait> waits_ GUARDED_BY(mutex_);  // in the order in which they began
  // Of what was told of and is not over.
  struct Told {
    Wait longest;
    Duration waited;
  };
  std::map<Doing, Told> told_ GUARDED_BY(mutex_);
};

}  // namespace copper::rpc

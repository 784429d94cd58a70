// What a node knows of another that it asks: whether it is believed in, and when to ask whether it is there. It sends
// nothing itself.
//
// A slow answer says nothing about a parent, since the source may be slow; a probe does: it names the requests that
// wait there, and whoever receives messages there answers at once which of them it works on. So probes alone decide.
// One goes out when a request failed on its way, or when one has become Patience::old, at most one in a second; after
// that, while nothing new becomes old, they come after growing pauses. A probe that is not answered makes the parent
// lost; the first one that is brings it back. Probes of a lost parent come after growing pauses:
// Patience::probes_unasked of them by themselves, later ones only when somebody would have asked it, so that an idle
// node sleeps. Any thread.
#pragma once

#include <optional>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper::rpc {

// How long others are believed in: set by whoever asks them (fetch/deadlines.h).
struct Patience {
  Duration old;                  // a rank is asked after what waits there for so long; and at most once in that time
  Duration probe;                // without an answer for so long it is lost
  Duration longest_pause;        // it is asked after the same old requests again after pauses that grow to this
  Duration first_pause_of_lost;  // and whether a lost one is back after pauses that begin with this:
  int probes_unasked;            // so often unasked, later only when it is wanted
  Duration worth_telling;        // from then on a wait is worth telling people of
};

class Liveness {
 public:
  explicit Liveness(const Patience& patience)
      : patience_(patience), pause_(patience.old), pause_of_lost_(patience.first_pause_of_lost) {}

  enum class News { kNone, kLost, kFound };

  bool IsLost() const;
  // Somebody would ask it, were it not lost.
  void Want();

  // Whatever it answered, it is there.
  void OnAnswer(TimePoint now);
  // A request failed on its way.
  void OnFailure();

  // True if a probe is due; then OnProbe is to follow. `last_old`: when the last request was sent of those that have
  // waited there for Patience::old; nullopt if none has.
  bool TakeProbe(TimePoint now, std::optional<TimePoint> last_old);
  News OnProbe(bool answered, TimePoint now);

  // Whether time alone may make a probe due, also while nothing waits there.
  bool NeedsTicks() const;

 private:
  bool IsProbeDue(TimePoint now, std::optional<TimePoint> last_old) const REQUIRES(mutex_);
  bool HasNewOld(std::optional<TimePoint> last_old) const REQUIRES(mutex_);
  void NotePause(std::optional<TimePoint> last_old) REQUIRES(mutex_);

  const Patience patience_;
  mutable Mutex mutex_;
  bool lost_ GUARDED_BY(mutex_) = false;
  TimePoint heard_ GUARDED_BY(mutex_);  // last answer
  bool doubted_ GUARDED_BY(mutex_) = false;
  bool probing_ GUARDED_BY(mutex_) = false;
  TimePoint probed_ GUARDED_BY(mutex_);  // when the last probe went
  Duration pause_ GUARDED_BY(mutex_);    // until the next one, if nothing new becomes old

  // Of a lost one.
  Duration pause_of_lost_ GUARDED_BY(mutex_);
  TimePoint next_probe_ GUARDED_BY(mutex_);
  int probes_unasked_ GUARDED_BY(mutex_) = 0;
  bool wanted_ GUARDED_BY(mutex_) = false;  // somebody would have asked it since the last probe
};

}  // namespace copper::rpc

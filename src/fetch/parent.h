// What a node knows of one of its parents: whether it is believed in, and when to probe it. It sends nothing itself.
//
// A slow answer says nothing about a parent, since the source may be slow; a probe (kPing) is answered at once by
// whoever receives messages there. So probes alone decide. One goes out when a request failed on its way, or when
// requests wait and nothing at all was heard for kSilence. If it fails too, the parent is lost; the first probe that is
// answered brings it back. Probes of a lost parent come after growing pauses: kProbesUnasked of them by themselves,
// later ones only when somebody would have asked it, so that an idle node sleeps. Any thread.
#pragma once

#include <chrono>
#include <mutex>

#include "copper/base/clock.h"

namespace copper::fetch {

class Parent {
 public:
  static constexpr Duration kSilence = std::chrono::seconds(1);
  static constexpr Duration kProbePatience = std::chrono::seconds(1);
  static constexpr Duration kFirstPause = std::chrono::milliseconds(500);
  static constexpr Duration kLongestPause = std::chrono::seconds(10);
  static constexpr int kProbesUnasked = 6;

  enum class News { kNone, kLost, kFound };

  bool IsLost() const;
  // Somebody would ask it, were it not lost.
  void Want();

  // A request goes there; OnAnswer or OnFailure is to follow.
  void OnAsked(TimePoint now);
  // Whatever it answered, it is there.
  void OnAnswer(TimePoint now);
  // The request failed on its way.
  void OnFailure();

  // True if a probe is due; then OnProbe is to follow.
  bool TakeProbe(TimePoint now);
  News OnProbe(bool answered, TimePoint now);

  // Whether time alone may make a probe due.
  bool NeedsTicks() const;

 private:
  bool IsProbeDue(TimePoint now) const;

  mutable std::mutex mutex_;  // all below
  bool lost_ = false;
  int waiting_ = 0;  // requests without outcome
  TimePoint heard_;  // last answer; or when the first of those that wait was sent, if that is later
  bool doubted_ = false;
  bool probing_ = false;
  TimePoint probed_;  // when the last probe went

  // Of a lost one.
  Duration pause_ = kFirstPause;
  TimePoint next_probe_;
  int probes_unasked_ = 0;
  bool wanted_ = false;  // somebody would have asked it since the last probe
};

}  // namespace copper::fetch

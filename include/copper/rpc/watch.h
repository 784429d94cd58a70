// The ranks that this one asks for what is of the source: whether each lives, and what waits there.
//
// A request there is a wait until its outcome. When one fails on its way, or becomes old, the rank is asked whether it
// is there, and works on what waits (Channel::Inquire). Without an answer it is lost: everything that waits there ends
// with EHOSTDOWN at once; the first probe that is answered brings it back (liveness.h). Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/rpc/channel.h"
#include "copper/rpc/liveness.h"
#include "copper/rpc/waits.h"

namespace copper::rpc {

class Watch {
 public:
  // Told when a rank is lost, and when it answers again; must not block.
  using Listener = std::function<void(Rank rank, bool lost)>;

  // Channel and clock outlive it, and what the channel calls back is over before it goes.
  Watch(Channel& channel, const Clock& clock, const Patience& patience);
  void SetListener(Listener listener) { listener_ = std::move(listener); }  // before Call

  // False: it is lost. Then it is noted that somebody would have asked it.
  bool MayAsk(Rank rank);
  bool IsLost(Rank rank) const;
  // As Channel::Call.
  void Call(Rank rank, Request request, Doing doing, TimePoint deadline, Channel::Done done);
  // A request failed on its way there.
  void Doubt(Rank rank);

  // What waits for the source, of which this rank knows itself.
  WaitList& source() { return source_; }

  // Sends the probes that are due. Whether ticks are still needed.
  bool OnTick();

  // Of whom: nullopt is the source.
  struct News {
    std::optional<Rank> whom;
    WaitList::News of;
  };
  std::vector<News> TakeNews();
  struct LongWait {
    std::optional<Rank> whom;
    WaitList::Wait wait;
  };
  // Of those that are worth telling, the longest `most` of each.
  std::vector<LongWait> LongWaits(size_t most) const;

 private:
  struct Watched {
    Watched(Rank of, const Clock& clock, const Patience& patience)
        : rank(of), liveness(patience), waits(clock, patience.worth_telling) {}
    const Rank rank;
    Liveness liveness;
    WaitList waits;
  };
  Watched& Of(Rank rank);
  std::vector<Watched*> All() const;
  void Probe(Watched& watched);
  void OnProbe(Watched& watched, const Result<Reply>& answer);

  Channel& channel_;
  const Clock& clock_;
  const Patience patience_;
  Listener listener_;
  WaitList source_;
  mutable Mutex mutex_;
  std::map<Rank, std::unique_ptr<Watched>> watched_ GUARDED_BY(mutex_);  // it only grows; not what is in it
};

}  // namespace copper::rpc

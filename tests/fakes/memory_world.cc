#include "fakes/memory_world.h"

#include <algorithm>
#include <cerrno>

namespace copper::fakes {

class MemoryWorlds::One final : public bootstrap::World {
 public:
  One(MemoryWorlds& all, Rank rank, uint32_t size, std::shared_ptr<Wakeup> wakeup)
      : World(rank, size), all_(all), wakeup_(std::move(wakeup)) {}

  std::vector<std::string> AllGather(const std::string& mine) override {
    const auto given = all_.Meet(rank(), mine, wakeup_, kNever);
    return given ? *given : Given(size());
  }
  std::string Broadcast(Rank root, const std::string& from_root) override {
    const auto given = all_.Meet(rank(), rank() == root ? from_root : std::string(), wakeup_, kNever);
    return given ? (*given)[root] : std::string();
  }
  uint32_t Least(uint32_t mine) override {
    const auto given = all_.Meet(rank(), std::to_string(mine), wakeup_, kNever);
    if (!given) return mine;
    return static_cast<uint32_t>(
        std::stoul(*std::ranges::min_element(*given, {}, [](const std::string& one) { return std::stoul(one); })));
  }
  Status Barrier(TimePoint deadline) override {
    if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
    if (all_.Meet(rank(), {}, wakeup_, deadline)) return {};
    Abandon();
    return Fail(ETIMEDOUT, "some rank did not come in time");
  }

  // Waits until it is taken, as MPI may.
  Status Send(Rank to, const Bytes& message, TimePoint deadline) override {
    if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
    {
      const MutexLock lock(all_.mutex_);
      Post& post = all_.posts_[{rank(), to}];
      post.sent.push_back(message);
      post.sender = wakeup_;
      if (post.receiver) post.receiver->Wake();
    }
    const auto is_taken = [&](const Post& post) { return post.sent.empty(); };
    if (Await({rank(), to}, deadline, is_taken)) return {};
    Abandon();
    return Fail(ETIMEDOUT, "it was not taken in time");
  }
  Result<Bytes> Receive(Rank from, size_t most, TimePoint deadline) override {
    if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
    {
      const MutexLock lock(all_.mutex_);
      all_.posts_[{from, rank()}].receiver = wakeup_;
    }
    const auto is_there = [&](const Post& post) { return !post.sent.empty(); };
    if (!Await({from, rank()}, deadline, is_there)) {
      Abandon();
      return Fail(ETIMEDOUT, "nothing was sent in time");
    }
    const MutexLock lock(all_.mutex_);
    Post& post = all_.posts_[{from, rank()}];
    Bytes message = std::move(post.sent.front());
    post.sent.pop_front();
    post.sender->Wake();
    if (message.size() > most) return Fail(EMSGSIZE);
    return message;
  }

  void Abandon() override { active_ = false; }
  void Finalize() override { active_ = false; }

 private:
  template <class IsSo>
  bool Await(std::pair<Rank, Rank> way, TimePoint deadline, IsSo is_so) {
    const auto is_so_now = [&] {
      const MutexLock lock(all_.mutex_);
      return is_so(all_.posts_[way]);
    };
    while (!is_so_now()) {
      if (!wakeup_->WaitUntil(deadline)) return is_so_now();
    }
    return true;
  }

  MemoryWorlds& all_;
  const std::shared_ptr<Wakeup> wakeup_;
  bool active_ = true;
};

std::unique_ptr<bootstrap::World> MemoryWorlds::Join(Rank rank, Wakeups& wakeups) {
  return std::make_unique<One>(*this, rank, ranks_, wakeups.Make());
}

uint64_t MemoryWorlds::bytes_given() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

std::shared_ptr<const MemoryWorlds::Given> MemoryWorlds::Meet(Rank rank, std::string mine,
                                                              const std::shared_ptr<Wakeup>& wakeup,
                                                              TimePoint deadline) {
  std::shared_ptr<Meeting> meeting;
  {
    const MutexLock lock(mutex_);
    const uint64_t number = met_[rank]++;
    std::shared_ptr<Meeting>& held = meetings_[number];
    if (!held) held = std::make_shared<Meeting>(Given(ranks_));
    meeting = held;
    bytes_ += mine.size();
    meeting->given[rank] = std::move(mine);
    meeting->waiting.push_back(wakeup);
    if (++meeting->come == ranks_) {
      for (const auto& one : meeting->waiting) one->Wake();
      meetings_.erase(number);
    }
  }
  const auto is_whole = [&] {
    const MutexLock lock(mutex_);
    return meeting->come == ranks_;
  };
  while (!is_whole()) {
    if (!wakeup->WaitUntil(deadline) && !is_whole()) return nullptr;
  }
  return {meeting, &meeting->given};
}

}  // namespace copper::fakes

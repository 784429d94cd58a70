#include "fabric/sender.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "copper/base/log.h"

namespace copper::fabric {
namespace {

// A connection is usually there after the first pause. Who waits for long is tried at pauses of a tenth of its waiting,
// so that a dead peer costs next to nothing.
constexpr Duration kFirstPause = std::chrono::microseconds(100);
constexpr Duration kLongPause = std::chrono::milliseconds(10);
constexpr Duration kLongestPause = std::chrono::milliseconds(100);
// After this a peer that takes nothing is given up for the oldest datagram that waits for it.
constexpr Duration kQueueDeadline = std::chrono::seconds(30);

}  // namespace

Status Sender::Connect(std::span<const Address> book) {
  std::vector<std::byte> packed;
  for (size_t rank = 0; rank < book.size(); ++rank) {
    if (book[rank].size() != transport_.address.size()) {
      return Fail(EINVAL,
                  fmt::format("rank {} uses another kind of address than this rank's {}: give every rank the same "
                              "net type",
                              rank, transport_.info->fabric_attr->prov_name));
    }
    packed.insert(packed.end(), book[rank].begin(), book[rank].end());
  }
  std::vector<fi_addr_t> addresses(book.size(), FI_ADDR_NOTAVAIL);
  const int inserted =
      fi_av_insert(transport_.addresses.get(), packed.data(), book.size(), addresses.data(), 0, nullptr);
  if (inserted < 0) return FailFabric(inserted, "cannot enter the addresses of all ranks");
  if (static_cast<size_t>(inserted) != book.size()) return Fail(EINVAL, "the fabric refuses the address of a rank");
  std::vector<Peer> peers(book.size());
  for (size_t rank = 0; rank < book.size(); ++rank) {
    peers[rank].rank = static_cast<Rank>(rank);
    peers[rank].address = addresses[rank];
  }
  peers_.swap(peers);
  return {};
}

// Registers memory where the provider wants it, and joins head and payload where it can't gather.
Status Sender::Prepare(SendOperation& operation) const {
  if (operation.prepared) return {};
  Datagram& datagram = operation.datagram;
  if (transport_.info->tx_attr->iov_limit < 2) {
    datagram.head.insert(datagram.head.end(), datagram.payload.data(),
                         datagram.payload.data() + datagram.payload.size());
    datagram.payload = {};
  }
  auto head = transport_.Register(datagram.head, FI_SEND);
  if (!head) return std::unexpected(std::move(head).error());
  auto payload = transport_.Register(datagram.payload.span(), FI_SEND);
  if (!payload) return std::unexpected(std::move(payload).error());
  operation.head_region = std::move(*head);
  operation.payload_region = std::move(*payload);
  operation.prepared = true;
  return {};
}

ssize_t Sender::Post(SendOperation& operation) const {
  if (const Status prepared = Prepare(operation); !prepared) return -prepared.error().code;
  const Datagram& datagram = operation.datagram;
  const std::array vectors = {
      iovec{const_cast<std::byte*>(datagram.head.data()), datagram.head.size()},
      iovec{const_cast<std::byte*>(datagram.payload.data()), datagram.payload.size()},
  };
  std::array descriptors = {DescriptorOf(operation.head_region), DescriptorOf(operation.payload_region)};
  operation.HandOver();
  return fi_sendv(transport_.endpoint.get(), vectors.data(), descriptors.data(), datagram.payload.empty() ? 1 : 2,
                  operation.peer->address, &operation.context);
}

void Sender::Enqueue(Peer& peer, Operations& one) {
  one.front().queued_at = std::chrono::steady_clock::now();
  peer.queued.splice(peer.queued.end(), one);
  if (peer.waiting) return;
  peer.waiting = true;
  const MutexLock lock(fresh_mutex_);
  fresh_.push_back(&peer);
}

bool Sender::SendsDirectly() const {
  return !std::string_view(transport_.info->fabric_attr->prov_name).contains("ofi_rxm");
}

bool Sender::Submit(Rank to, Datagram datagram, Endpoint::SendDone done) {
  Peer& peer = peers_[to];
  Operations one;
  SendOperation& operation = one.emplace_back(&peer, std::move(datagram), std::move(done));
  operation.position = one.begin();
  Error error;
  bool wake = false;
  unfinished_.fetch_add(1, std::memory_order_relaxed);
  {
    const MutexLock lock(peer.mutex);
    const bool now = peer.queued.empty() && SendsDirectly();
    const ssize_t code = peer.closed ? -FI_ESHUTDOWN : now ? Post(operation) : -FI_EAGAIN;
    if (code == 0) {
      peer.in_flight.splice(peer.in_flight.end(), one);
    } else if (code == -FI_EAGAIN) {
      wake = !peer.waiting;
      Enqueue(peer, one);
    } else {
      error.code = ErrnoOf(code);
    }
  }
  Finish(one, error);
  return wake;
}

void Sender::Complete(SendOperation& operation, Status status) {
  Peer& peer = *operation.peer;
  Operations done, failed;
  Error error;
  {
    const MutexLock lock(peer.mutex);
    done.splice(done.end(), peer.in_flight, operation.position);
    if (!peer.queued.empty()) DrainQueue(peer, std::chrono::steady_clock::now(), failed, error);
  }
  unfinished_.fetch_sub(1, std::memory_order_relaxed);
  done.front().done(std::move(status));
  Finish(failed, error);
}

bool Sender::DrainQueue(Peer& peer, TimePoint now, Operations& failed, Error& error) {
  bool moved = false;
  while (!peer.queued.empty()) {
    SendOperation& oldest = peer.queued.front();
    const ssize_t code = Post(oldest);
    if (code == -FI_EAGAIN && now - oldest.queued_at < kQueueDeadline) break;
    Operations& destination = code == 0 ? peer.in_flight : failed;
    if (code != 0) error.code = code == -FI_EAGAIN ? ETIMEDOUT : ErrnoOf(code);
    destination.splice(destination.end(), peer.queued, oldest.position);
    moved = true;
  }
  return moved;
}

// False once the queue is empty.
bool Sender::DrainPeer(Waiting& waiting, TimePoint now) {
  Peer& peer = *waiting.peer;
  Operations failed;
  Error error;
  bool left = false;
  {
    const MutexLock lock(peer.mutex);
    const bool moved = DrainQueue(peer, now, failed, error);
    left = peer.waiting = !peer.queued.empty();
    const Duration waited = left ? now - peer.queued.front().queued_at : Duration::zero();
    waiting.pause =
        moved ? kFirstPause : std::min(2 * waiting.pause, std::clamp(waited / 10, kLongPause, kLongestPause));
  }
  waiting.retry_at = now + waiting.pause;
  Finish(failed, error);
  return left;
}

TimePoint Sender::Drain(TimePoint now) {
  {
    const MutexLock lock(fresh_mutex_);
    for (Peer* peer : fresh_) waiting_.push_back({peer, now, kFirstPause / 2});
    fresh_.clear();
  }
  std::erase_if(waiting_, [&](Waiting& waiting) { return waiting.retry_at <= now && !DrainPeer(waiting, now); });
  TimePoint next = kNever;
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.retry_at);
  return next;
}

void Sender::Close() {
  for (Peer& peer : peers_) {
    const MutexLock lock(peer.mutex);
    peer.closed = true;
  }
}

void Sender::FailAll() {
  for (Peer& peer : peers_) {
    Operations left;
    {
      const MutexLock lock(peer.mutex);
      left.splice(left.end(), peer.in_flight);
      left.splice(left.end(), peer.queued);
    }
    Finish(left, Error{ESHUTDOWN, {}});
  }
}

void Sender::Finish(Operations& operations, const Error& error) {
  for (SendOperation& operation : operations) {
    unfinished_.fetch_sub(1, std::memory_order_relaxed);
    operation.done(std::unexpected(error));
  }
}

}  // namespace copper::fabric

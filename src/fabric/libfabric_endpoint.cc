#include "copper/fabric/libfabric_endpoint.h"

#include <rdma/fi_eq.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <thread>

#include "copper/base/chunk_size.h"
#include "copper/base/mutex.h"
#include "copper/base/worker_pool.h"
#include "copper/fabric/net_type.h"
#include "fabric/loopback.h"
#include "fabric/provider.h"
#include "fabric/receives.h"
#include "fabric/sender.h"
#include "fabric/ticker.h"
#include "fabric/waiter.h"

namespace copper::fabric {
namespace {

// While sends are with the provider the thread looks this often, whatever wakes it.
constexpr Duration kSendCheck = std::chrono::milliseconds(100);

class LibfabricEndpoint final : public Endpoint {
 public:
  LibfabricEndpoint(Transport transport, size_t head_size, Logger& log)
      : transport_(std::move(transport)),
        head_size_(head_size),
        log_(log),
        sender_(transport_),
        receives_(std::in_place, transport_, head_size, unfinished_, log) {}
  ~LibfabricEndpoint() override { Stop(); }

  Status Open();

  const Address& address() const override { return transport_.address; }
  std::string DescribeAddress(const Address& other) const override { return transport_.DescribeAddress(other); }
  std::string provider() const override { return transport_.info->fabric_attr->prov_name; }
  size_t unfinished() const override { return unfinished_; }

  Status Connect(std::span<const Address> book) override;
  void Start(Receiver& receiver) override;
  void Stop() override;
  void Send(Rank to, Datagram datagram, SendDone done) override;
  void WantTicks() override {
    if (ticker_.Want()) waiter_->Wake();
  }

 private:
  int Refusal(Rank to, const Datagram& datagram) const;
  void WakeFromOutside();
  void Run(Receiver& receiver);
  std::optional<size_t> ReadCompletions(Receiver& receiver);
  void ReadError();
  void Close();

  Transport transport_;
  const size_t head_size_;
  Logger& log_;
  std::unique_ptr<Waiter> waiter_;
  Sender sender_;
  std::atomic<size_t> unfinished_ = 0;
  std::optional<Receives> receives_;
  Loopback loopback_;
  std::optional<Rank> self_;
  Ticker ticker_;

  Mutex stop_mutex_;  // one Stop at a time
  bool closed_ GUARDED_BY(stop_mutex_) = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
  std::atomic<std::thread::id> progress_thread_;
};

Status LibfabricEndpoint::Open() {
  auto waiter = Waiter::Make(transport_);
  if (!waiter) return std::unexpected(std::move(waiter).error());
  waiter_ = std::move(*waiter);
  if (waiter_->polls()) {
    log_.Warning("provider {} can't wait for completions: it is polled, with growing pauses", provider());
  }
  return {};
}

Status LibfabricEndpoint::Connect(std::span<const Address> book) {
  const auto own = std::ranges::find(book, transport_.address);
  if (own != book.end()) self_ = static_cast<Rank>(own - book.begin());
  return sender_.Connect(book);
}

void LibfabricEndpoint::Start(Receiver& receiver) {
  receives_->Post(std::chrono::steady_clock::now());  // here, so that what arrives at once finds room
  thread_ = std::thread([this, &receiver] { Run(receiver); });
}

int LibfabricEndpoint::Refusal(Rank to, const Datagram& datagram) const {
  if (sender_.peers() == 0) return ENOTCONN;
  if (to >= sender_.peers()) return EINVAL;
  return datagram.head.size() != head_size_ || datagram.payload.size() > kChunkSize ? EMSGSIZE : 0;
}

void LibfabricEndpoint::WakeFromOutside() {
  if (std::this_thread::get_id() != progress_thread_) waiter_->Wake();
}

void LibfabricEndpoint::Send(Rank to, Datagram datagram, SendDone done) {
  if (const int refusal = Refusal(to, datagram); refusal != 0) return done(Fail(refusal));
  const bool wake = to == self_ ? loopback_.Submit(std::move(datagram), std::move(done))
                                : sender_.Submit(to, std::move(datagram), std::move(done));
  if (wake) WakeFromOutside();
}

void LibfabricEndpoint::Run(Receiver& receiver) {
  NameThread("copper-fabric");
  progress_thread_ = std::this_thread::get_id();
  while (!stopping_) {
    const auto read = ReadCompletions(receiver);
    if (!read) break;
    const bool delivered = loopback_.Deliver(receiver);
    const TimePoint now = std::chrono::steady_clock::now();
    TimePoint until = receives_->Watch(now, *read > 0 || waiter_->TakeStirred());
    until = std::min(until, receives_->Post(now));
    until = std::min({until, sender_.Drain(now), ticker_.Run(receiver, now)});
    if (sender_.busy()) until = std::min(until, now + kSendCheck);
    if (*read > 0 || delivered) {
      waiter_->Worked();
    } else {
      waiter_->Wait(until);
    }
  }
}

// Hands out a batch of completions; how many, or nothing if the queue is broken.
std::optional<size_t> LibfabricEndpoint::ReadCompletions(Receiver& receiver) {
  std::array<fi_cq_msg_entry, 16> entries{};
  const ssize_t count = waiter_->Read(entries);
  if (count == -FI_EAVAIL) {
    ReadError();
    return 1;
  }
  if (count < 0) {
    log_.Error("the fabric's completion queue fails: {}; this rank can't reach others any more",
               fi_strerror(static_cast<int>(-count)));
    return std::nullopt;
  }
  for (const fi_cq_msg_entry& entry : std::span(entries).first(static_cast<size_t>(count))) {
    Operation& operation = Operation::TakeBack(entry.op_context);
    if (operation.kind == Operation::Kind::kSend) {
      sender_.Complete(static_cast<SendOperation&>(operation), {});
    } else {
      receives_->Complete(static_cast<ReceiveOperation&>(operation), entry.len, receiver);
    }
  }
  return static_cast<size_t>(count);
}

void LibfabricEndpoint::ReadError() {
  fi_cq_err_entry entry{};
  if (fi_cq_readerr(transport_.completions.get(), &entry, 0) <= 0 || entry.op_context == nullptr) return;
  Operation& operation = Operation::TakeBack(entry.op_context);
  if (operation.kind == Operation::Kind::kSend) {
    sender_.Complete(static_cast<SendOperation&>(operation), Fail(ErrnoOf(entry.err)));
  } else {
    receives_->Fail(static_cast<ReceiveOperation&>(operation), entry.err);
  }
}

void LibfabricEndpoint::Stop() {
  const MutexLock lock(stop_mutex_);
  // First: without anyone to drive progress, sends that go on would pile up in the provider (ofi_rxm 1.17 crashes
  // then).
  sender_.Close();
  stopping_ = true;
  if (waiter_) waiter_->Wake();
  if (thread_.joinable()) thread_.join();
  if (!std::exchange(closed_, true)) Close();
}

// Nobody sends any more. The order matters: the provider lets go of every buffer, then the buffers go.
void LibfabricEndpoint::Close() {
  transport_.endpoint.reset();
  sender_.FailAll();
  loopback_.Close();
  receives_.reset();
}

std::string WhatThisHostHas() {
  std::string text = "This host has:";
  const std::vector<std::string> lines = ListProviders();
  for (const std::string& line : lines) text += "\n  " + line;
  return lines.empty() ? "This host has no network that libfabric can use (see fi_info)" : text;
}

Error Explain(const EndpointOptions& options, const Error& last) {
  std::string asked = "net type " + options.net_type;
  if (!options.bind_address.empty()) asked += ", address " + options.bind_address;
  const bool in_use = last.code == EADDRINUSE;
  const std::string why = in_use ? "the port is in use: choose another, or none to get a free one" : last.message;
  return {last.code,
          fmt::format("cannot open the fabric ({}): {}.{}", asked, why, in_use ? "" : " " + WhatThisHostHas())};
}

struct Choice {
  std::vector<InfoPtr> infos;
  std::vector<size_t> best_first;
};

Result<Choice> Choose(const EndpointOptions& options) {
  auto net_type = ParseNetType(options.net_type);
  if (!net_type) return std::unexpected(std::move(net_type).error());
  BindAddress bind;
  if (!options.bind_address.empty()) {
    auto parsed = ParseBindAddress(options.bind_address);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    bind = std::move(*parsed);
  }
  Choice choice;
  choice.infos = QueryProviders(options.head_size);
  for (const InfoPtr& info : choice.infos) SetSource(*info, bind);
  choice.best_first = RankCandidates(DescribeProviders(choice.infos), {*net_type, bind.host, options.one_machine});
  return choice;
}

}  // namespace

Result<std::unique_ptr<Endpoint>> OpenLibfabricEndpoint(const EndpointOptions& options, Logger& log) {
  if (options.head_size == 0) return Fail(EINVAL, "the head of a datagram can't be empty");
  auto choice = Choose(options);
  if (!choice) return std::unexpected(Explain(options, choice.error()));
  Error last{ENODEV, "nothing here fits that"};
  for (const size_t i : choice->best_first) {
    const std::string name = Describe(DescribeProviders(choice->infos)[i]);
    if (auto transport = OpenTransport(*choice->infos[i], options.may_wait)) {
      auto endpoint = std::make_unique<LibfabricEndpoint>(std::move(*transport), options.head_size, log);
      if (auto opened = endpoint->Open(); !opened) return std::unexpected(std::move(opened).error());
      log.Info("fabric {}, address {}", name, endpoint->DescribeAddress(endpoint->address()));
      return endpoint;
    } else {
      last = {transport.error().code, name + ": " + transport.error().message};
      log.Info("cannot use {}", last.message);
      if (last.code == EADDRINUSE) break;  // the port is the user's choice: another provider would not be it
    }
  }
  return std::unexpected(Explain(options, last));
}

}  // namespace copper::fabric

#include <exception>

#include "copper/base/attempt.h"
#include "copper/rpc/channel.h"

namespace copper::rpc {

Responder::~Responder() {
  if (!send_) return;
  const int error = std::uncaught_exceptions() > 0 ? ENOMEM : EIO;
  // Where there is no memory for this reply either, the asking side waits until its deadline.
  (void)Attempt([&] { (*this)(Reply{.error = error}); });
}

void Responder::operator()(Reply reply) {
  if (Send send = std::exchange(send_, nullptr)) send(std::move(reply));
}

}  // namespace copper::rpc

#include "copper/rpc/channel.h"

namespace copper::rpc {

Responder::~Responder() {
  (*this)(Reply{.error = EIO});
}

void Responder::operator()(Reply reply) {
  if (Send send = std::exchange(send_, nullptr)) send(std::move(reply));
}

}  // namespace copper::rpc

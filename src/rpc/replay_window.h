// Which messages of one peer have come, by their sequence: each is taken once.
//
// Messages overtake each other, so what is missing may still come: everything below `base_` is done with, and a bit
// says for each one from there on whether it has come (as in RFC 6479, for a window that grows with what is missing). A
// gap that is never filled, since that message was lost, is given up when the peer is kWindow messages further.
#pragma once

#include <cstdint>
#include <vector>

namespace copper::rpc {

// The caller serialises.
class ReplayWindow {
 public:
  // How far a message may be overtaken. A thread that is held up between numbering its message and sending it is passed
  // by what others send to the same peer meanwhile: at 50,000 messages a second it has a second and more.
  static constexpr uint64_t kWindow = uint64_t{1} << 16;

  // False: it has come before, or is so late that nobody knows.
  bool Take(uint64_t sequence);

 private:
  static constexpr uint64_t kBits = 64;

  void Forget(uint64_t words);

  uint64_t base_ = 0;            // a multiple of kBits
  std::vector<uint64_t> taken_;  // from base_ on; at most kWindow bits, and hardly ever more than a word
};

}  // namespace copper::rpc

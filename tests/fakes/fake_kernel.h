// The kernel's side of /dev/fuse, as one end of a socket pair that speaks the FUSE protocol (<linux/fuse.h>): handlers
// are tested without a mount. Every call has a deadline of 10 s, past which the answer's error is ETIME.
#pragma once

#include <linux/fuse.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/unique_fd.h"

namespace copper::fakes {

class FakeKernel {
 public:
  struct Answer {
    int error = 0;  // an errno; ETIME: none came
    std::string body;
  };
  // What the daemon tells unasked.
  struct Notice {
    int code = 0;  // FUSE_NOTIFY_...
    std::string body;
  };
  struct Entry {
    int error = 0;
    fuse_entry_out out{};
  };
  struct Name {
    std::string name;
    uint64_t number = 0;
    uint32_t type = 0;
    uint64_t offset = 0;
    fuse_entry_out out{};  // of readdirplus
  };
  struct Names {
    int error = 0;
    std::vector<Name> names;
  };

  FakeKernel();
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;

  // The daemon's end.
  UniqueFd TakeConnection();
  // As unmounting does: the daemon reads the end of the connection.
  void Close();

  // --- One request each; returns its id, for Wait and Interrupt.
  uint64_t Send(uint32_t opcode, uint64_t node, std::string_view body = {});
  Answer Wait(uint64_t request, Duration timeout = std::chrono::seconds(10));
  bool HasAnswer(uint64_t request) const;
  // Both. Keeps nothing of it, so that there may be as many as a test likes.
  Answer Call(uint32_t opcode, uint64_t node, std::string_view body = {});

  // --- The protocol's greeting, of version 7.`minor`; all that this kernel offers is on.
  fuse_init_out Init(uint32_t minor = FUSE_KERNEL_MINOR_VERSION);
  uint64_t SendLookup(uint64_t parent, std::string_view name);
  Entry Lookup(uint64_t parent, std::string_view name);
  // `path` relative to the root, by lookups.
  Entry Walk(std::string_view path);
  Answer Getattr(uint64_t node, fuse_attr_out& out);
  uint64_t SendRead(uint64_t node, uint64_t offset, uint32_t size);
  Answer Read(uint64_t node, uint64_t offset, uint32_t size) { return Wait(SendRead(node, offset, size)); }
  Names Readdir(uint64_t node, uint64_t offset, uint32_t size = 4096);
  Names Readdirplus(uint64_t node, uint64_t offset, uint32_t size = 4096);
  void Forget(uint64_t node, uint64_t lookups);
  void Interrupt(uint64_t request);
  // Who the requests come from. Default: this process.
  void SetUser(uint32_t uid) { uid_ = uid; }

  std::vector<Notice> notices() const;
  // Until there are that many; false past the deadline.
  [[nodiscard]] bool WaitForNotices(size_t count, Duration timeout = std::chrono::seconds(10));

 private:
  void Run();
  Names ReadNames(uint32_t opcode, uint64_t node, uint64_t offset, uint32_t size);

  UniqueFd socket_, connection_;
  uint32_t uid_;
  uint64_t next_unique_ = 2;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::map<uint64_t, Answer> answers_;
  std::vector<Notice> notices_;
  std::thread thread_;
};

}  // namespace copper::fakes

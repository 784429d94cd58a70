// An ioctl on a file of the mount, as the kernel hands it on: any command, any user, texts of any length and without an
// end. Every one is answered; nobody but the job's user has anything done.
//
// An input: who asks (the lowest bit) and the ioctl's flags, which file, which command (one byte each), four bytes of a
// command of its own, four of the size of the answer, and the rest is what comes with it.
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "copper/base/control_ioctl.h"
#include "copper/fuse/server.h"
#include "expect.h"
#include "fakes/fake_kernel.h"
#include "fakes/test_job.h"

using namespace copper;

namespace {

struct Head {
  uint8_t user_and_flags, file, known;
  uint8_t command[4], out_size[4];
};

// Echoes what it is told.
class Mount {
 public:
  Mount() {
    fuse::Server::Options serving;
    serving.threads = 1;
    serving.live_files["status.json"] = [] { return std::string("{}\n"); };
    serving.on_stop_command = [this] { ++obeyed; };
    const auto obey = [this](const std::string& text, auto done) {
      ++obeyed;
      EXPECT_ALWAYS(text.size() < sizeof(TextCommand::text));
      EXPECT_ALWAYS(!text.contains('\0'));
      done(text.starts_with('!') ? Fail(EINVAL, text) : Result<std::string>(text + text));
    };
    serving.on_refresh_command = obey;
    serving.on_snapshot_command = obey;
    server_ = std::make_unique<fuse::Server>(std::move(serving), kernel.TakeConnection(), job_.node(0).fetcher(),
                                             counters_, job_.clock(), log_);
    EXPECT_ALWAYS(server_->Start());
    kernel.Init();
    for (const char* path : {".copper/control", ".copper/status.json", ".copper"}) {
      files_.push_back(kernel.Walk(path).out.nodeid);
    }
  }
  uint64_t File(uint8_t number) const {
    if (number < files_.size()) return files_[number];
    return number % 2 == 0 ? 1 : number;  // the root, and what is no node, mostly
  }
  bool IsControl(uint64_t node) const { return node == files_.front(); }

  fakes::FakeKernel kernel;
  std::atomic<int> obeyed = 0;

 private:
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  profile::Counters counters_;
  fakes::TestJob job_{1};
  std::unique_ptr<fuse::Server> server_;
  std::vector<uint64_t> files_;
};

void CheckText(const std::string& body) {
  TextCommand answer;
  EXPECT_ALWAYS(body.size() == sizeof(fuse_ioctl_out) + sizeof answer);
  std::memcpy(&answer, body.data() + sizeof(fuse_ioctl_out), sizeof answer);
  EXPECT_ALWAYS(answer.failed <= 1);
  EXPECT_ALWAYS(std::memchr(answer.text, 0, sizeof answer.text) != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Mount& mount = *new Mount;  // its threads live as long as the program
  Head head;
  if (size < sizeof head) return 0;
  std::memcpy(&head, data, sizeof head);
  const std::string_view given(reinterpret_cast<const char*>(data) + sizeof head, size - sizeof head);
  constexpr unsigned kKnown[] = {kStopCommand, kRefreshCommand, kSnapshotCommand};
  fuse_ioctl_in in{};
  std::memcpy(&in.cmd, head.command, sizeof in.cmd);
  if (head.known < std::size(kKnown)) in.cmd = kKnown[head.known];
  std::memcpy(&in.out_size, head.out_size, sizeof in.out_size);
  in.in_size = static_cast<uint32_t>(given.size());
  in.flags = head.user_and_flags / 2;
  const bool is_user = head.user_and_flags % 2 == 0;
  mount.kernel.SetUser(is_user ? geteuid() : geteuid() + head.user_and_flags);
  const uint64_t node = mount.File(head.file);
  mount.obeyed = 0;
  const std::string body = std::string(reinterpret_cast<const char*>(&in), sizeof in) + std::string(given);
  const fakes::FakeKernel::Answer answer = mount.kernel.Call(FUSE_IOCTL, node, body);
  EXPECT_ALWAYS(answer.error != ETIME);
  const bool may_obey = is_user && mount.IsControl(node);
  EXPECT_ALWAYS(mount.obeyed == (answer.error == 0 ? 1 : 0));
  EXPECT_ALWAYS(may_obey || answer.error != 0);
  if (answer.error == 0 && in.cmd != kStopCommand) CheckText(answer.body);
  return 0;
}

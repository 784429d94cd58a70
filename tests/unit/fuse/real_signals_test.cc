// The server behind the real kernel, which interrupts requests for any signal of who waits.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "real_mount.h"

namespace copper::fuse {
namespace {

// The real ones, counted.
class CountedThreads final : public CallerThreads {
 public:
  Seen Look(pid_t thread) override {
    Seen seen = threads_.Look(thread);
    ++looks_;
    return seen;
  }
  [[nodiscard]] bool WaitForLooks(int count) const {
    for (int tries = 0; tries < 10'000 && looks_ < count; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return looks_ >= count;
  }

 private:
  ProcThreads threads_;
  std::atomic<int> looks_{0};
};

class RealSignals : public RealMount {
 protected:
  void SetUp() override {
    Server::Options options;
    options.callers = callers_;
    Start(std::move(options));
  }

  // A process of its own, which dies of `number`.
  void ReadAndDieOf(int number) {
    store().AddFile("/slow", "slow");
    store().Block(fakes::MemoryStore::Kind::kRead, "/slow");
    const std::string path = In("/slow");
    const pid_t child = fork();
    if (child == 0) {
      alignas(4096) static char page[4096];
      const rlimit none{};
      setrlimit(RLIMIT_CORE, &none);
      std::signal(number, SIG_DFL);  // libraries of MPI have handlers of their own
      const int file = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
      _exit(read(file, page, sizeof page) < 0 ? errno : 0);
    }
    EXPECT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kRead, "/slow", 1));
    kill(child, number);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << "status " << status;
    store().Release(fakes::MemoryStore::Kind::kRead, "/slow");
  }

  const std::shared_ptr<CountedThreads> callers_ = std::make_shared<CountedThreads>();
};

TEST_F(RealSignals, AHandledSignalDoesNotInterruptAReader) {
  store().AddFile("/slow", "slow");
  store().Block(fakes::MemoryStore::Kind::kRead, "/slow");
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR2, &action, nullptr);  // without SA_RESTART
  ssize_t got = 0;
  std::thread reader([&] {
    const UniqueFd file(open(In("/slow").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    alignas(4096) char page[4096];
    got = read(file.get(), page, sizeof page);
  });
  EXPECT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kRead, "/slow", 1));
  pthread_kill(reader.native_handle(), SIGUSR2);
  ASSERT_TRUE(callers_->WaitForLooks(2));
  store().Release(fakes::MemoryStore::Kind::kRead, "/slow");
  reader.join();
  EXPECT_EQ(got, 4);
}

TEST_F(RealSignals, AFatalSignalEndsAReader) {
  ReadAndDieOf(SIGTERM);
}

TEST_F(RealSignals, ASignalThatDumpsCoreEndsAReader) {
  ReadAndDieOf(SIGQUIT);
}

}  // namespace
}  // namespace copper::fuse

#include "session.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cstdlib>
#include <string>

#include "copper/base/worker_pool.h"
#include "greeting.h"

namespace copper::fuse {
namespace {

// O_NONBLOCK, so that a thread that was woken in vain, or that looks again after a request, goes on instead of waiting.
Status MakeNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return FailErrno("cannot set up the FUSE connection");
  return {};
}

Status Watch(int epoll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return FailErrno("cannot watch the FUSE connection");
  return {};
}

void Wait(int epoll) {
  epoll_event event{};
  epoll_wait(epoll, &event, 1, -1);
}

}  // namespace

void Negotiate(fuse_conn_info& connection, bool readdirplus) {
  // Off: asking for attributes to see whether pages are still true (they are: a changed file is another node); guessing
  // when a directory's reader wants attributes (always); splicing (slower than a copy from memory); direct reads in
  // parts (their caller could not be killed while it waits); truncating while opening (we see no open: the kernel is to
  // ask for it, and be refused).
  connection.want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS_AUTO |
                                            FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                                            FUSE_CAP_ASYNC_DIO | FUSE_CAP_IOCTL_DIR | FUSE_CAP_ATOMIC_O_TRUNC);
  constexpr unsigned kWanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                               FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT |
                               FUSE_CAP_EXPLICIT_INVAL_DATA;
  connection.want |= connection.capable & kWanted;
  if (!readdirplus) connection.want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS);
  connection.max_background = 64;
  connection.congestion_threshold = 48;
  connection.max_write = 1 << 20;  // nothing is written, but the size of reads follows from it
}

Result<std::unique_ptr<Session>> Session::Open(const fuse_lowlevel_ops& operations, void* user_data,
                                               UniqueFd connection) {
  if (const Status made = MakeNonBlocking(connection.get()); !made) return std::unexpected(made.error());
  std::unique_ptr<Session> result(new Session);
  char name[] = "copper";
  char* arguments[] = {name, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  result->session_.reset(fuse_session_new(&args, &operations, sizeof operations, user_data));
  fuse_opt_free_args(&args);
  if (!result->session_) return Fail(ENOMEM, "cannot make a FUSE session");
  if (fuse_session_mount(result->session_.get(), ("/dev/fd/" + std::to_string(connection.get())).c_str()) != 0) {
    return Fail(EBADF, "libfuse did not take over the FUSE connection");
  }
  result->connection_ = connection.Release();
  return result;
}

Session::~Session() {
  Stop();
}

Status Session::Start(int threads, std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  stop_event_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event_) return FailErrno("cannot make an eventfd");
  for (int i = 0; i < threads; ++i) {
    epolls_.emplace_back(epoll_create1(EPOLL_CLOEXEC));
    if (!epolls_.back()) return FailErrno("cannot make an epoll descriptor");
    // Exclusive: a request wakes one thread, not all.
    if (Status watched = Watch(epolls_.back().get(), connection_, EPOLLIN | EPOLLEXCLUSIVE); !watched) return watched;
    if (Status watched = Watch(epolls_.back().get(), stop_event_.get(), EPOLLIN); !watched) return watched;
  }
  could_read_ = threads;
  for (const UniqueFd& epoll : epolls_) threads_.emplace_back([this, fd = epoll.get()] { Run(fd); });
  return {};
}

void Session::Stop() {
  stopping_ = true;
  if (stop_event_) eventfd_write(stop_event_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Session::Run(int epoll) {
  NameThread("copper-fuse");
  fuse_buf buffer{};
  bool connected = GreetOnce(buffer, epoll);
  while (connected && !stopping_) {
    connected = Serve(buffer);
    if (connected) Wait(epoll);
  }
  // A thread that found no memory to read into, before it had read anything, leaves the others to it.
  const bool leaves_others = buffer.mem == nullptr && --could_read_ > 0;
  if (!connected && !leaves_others) Gone();
  std::free(buffer.mem);
}

bool Session::GreetOnce(fuse_buf& buffer, int epoll) {
  const MutexLock lock(greeting_);
  while (!greeted_ && !stopping_) {
    const int got = fuse_session_receive_buf(session_.get(), &buffer);
    if (got == -EAGAIN || got == -EINTR) {
      Wait(epoll);
      continue;
    }
    if (got <= 0) return false;
    const std::string_view request(static_cast<const char*>(buffer.mem), static_cast<size_t>(got));
    const auto process = [&] { fuse_session_process_buf(session_.get(), &buffer); };
    if (!Greet(connection_, request, process)) return false;
    greeted_ = true;
  }
  return fuse_session_exited(session_.get()) == 0;
}

bool Session::Serve(fuse_buf& buffer) {
  while (!stopping_) {
    const int got = fuse_session_receive_buf(session_.get(), &buffer);
    if (got == -EINTR) continue;
    if (got == -EAGAIN) return true;
    if (got <= 0) return false;
    fuse_session_process_buf(session_.get(), &buffer);
    if (fuse_session_exited(session_.get())) return false;
  }
  return true;
}

void Session::Gone() {
  if (gone_.exchange(true)) return;
  eventfd_write(stop_event_.get(), 1);  // the other threads may sleep on a connection that says nothing more
  if (!stopping_ && on_gone_) on_gone_();
}

}  // namespace copper::fuse

// libfuse's session over a connection that somebody else mounted, and the threads that read its requests.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "fuse_api.h"

namespace copper::fuse {

class Session {
 public:
  // `operations` is copied; `user_data` is what handlers find with the request.
  static Result<std::unique_ptr<Session>> Open(const fuse_lowlevel_ops& operations, void* user_data,
                                               UniqueFd connection);
  ~Session();

  fuse_session* get() const { return session_.get(); }

  // `on_gone`: the kernel ended the connection (unmounted, aborted, or no common protocol); called once at most, by one
  // of the threads.
  Status Start(int threads, std::function<void()> on_gone);
  // Joins the threads. Requests that are pending stay so. Idempotent.
  void Stop();

 private:
  struct Destroy {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };
  Session() = default;

  void Run(int epoll);
  bool GreetOnce(fuse_buf& buffer,
                 int epoll);     // the first request, by whichever thread comes first; false: no connection
  bool Serve(fuse_buf& buffer);  // until nothing is there to read; false: the connection is gone
  void Gone();

  std::unique_ptr<fuse_session, Destroy> session_;  // closes the connection
  int connection_ = -1;
  UniqueFd stop_event_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> gone_{false};
  std::atomic<int> could_read_{0};  // threads, but for those without memory
  std::function<void()> on_gone_;
  Mutex greeting_;  // held until the first request is answered; then free
  bool greeted_ GUARDED_BY(greeting_) = false;
  std::vector<UniqueFd> epolls_;  // one a thread
  std::vector<std::thread> threads_;
};

// What is asked of the kernel at the start, as far as it is capable: the `init` operation.
void Negotiate(fuse_conn_info& connection, bool readdirplus);

}  // namespace copper::fuse

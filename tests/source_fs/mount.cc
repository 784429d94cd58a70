#include "mount.h"

#include <sys/stat.h>

#include <cstdlib>

#include "fuse/greeting.h"
#include "operations.h"

namespace copper::source_fs {
namespace {

// One hangs with each operation that hangs, and with each that queues at the server.
constexpr unsigned kThreads = 512;

fuse_session* NewSession(Mount* mount) {
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&arguments, "test_source");
  fuse_opt_add_arg(&arguments, "-oro,default_permissions,fsname=test_source,subtype=test_source");
  const fuse_lowlevel_ops operations = Operations();
  fuse_session* session = fuse_session_new(&arguments, &operations, sizeof operations, mount);
  fuse_opt_free_args(&arguments);
  return session;
}

// So that lookups in one directory don't wait for each other: libfuse forgets to tell the kernel.
bool AnswerGreeting(fuse_session* session) {
  fuse_buf request{};
  const int got = fuse_session_receive_buf(session, &request);
  if (got <= 0) return false;
  const std::string_view bytes(static_cast<const char*>(request.mem), static_cast<size_t>(got));
  const auto process = [&] { fuse_session_process_buf(session, &request); };
  const bool greeted = fuse::Greet(fuse_session_fd(session), bytes, process).has_value();
  std::free(request.mem);
  return greeted;
}

void Serve(fuse_session* session) {
  if (!AnswerGreeting(session)) return;
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, kThreads);
  fuse_loop_cfg_set_idle_threads(config, kThreads);
  fuse_session_loop_mt(session, config);
  fuse_loop_cfg_destroy(config);
}

}  // namespace

std::unique_ptr<Mount> Mount::Make(const Options& options, Server& server) {
  struct stat root{};
  if (fstat(options.source, &root) != 0) return nullptr;
  std::unique_ptr<Mount> mount(new Mount(options, server, {"/", root.st_ino}));
  mount->session_ = NewSession(mount.get());
  if (mount->session_ == nullptr || fuse_session_mount(mount->session_, options.point.c_str()) != 0) return nullptr;
  mount->loop_ = std::thread(Serve, mount->session_);
  return mount;
}

// The loop's threads sit in reads that nothing ends while a file is open below the mount: they end with the process.
Mount::~Mount() {
  if (session_ != nullptr) fuse_session_unmount(session_);
  if (loop_.joinable()) loop_.detach();
}

}  // namespace copper::source_fs

// Which handler serves which operation. Here requests are counted, once each, their records begin, and exceptions end.
#include <exception>

#include "handlers.h"
#include "session.h"

namespace copper::fuse {
namespace {

using profile::Operation;

void Init(void* user_data, fuse_conn_info* connection) {
  Handlers& handlers = *static_cast<Handlers*>(user_data);
  handlers.OnGreeting(*connection);
  Negotiate(*connection, handlers.WantsReaddirplus());
}

Handlers& HandlersOf(fuse_req_t request) {
  return *static_cast<Handlers*>(fuse_req_userdata(request));
}

Reply Begin(Handlers& handlers, Operation operation, fuse_req_t request) {
  handlers.counters().Count(operation);
  return Reply(request, profile::Begin(handlers.recorder(), operation));
}

template <auto kHandler, Operation kOperation, class... Args>
void Call(fuse_req_t request, Args... args) {
  Handlers& handlers = HandlersOf(request);
  Reply reply = Begin(handlers, kOperation, request);
  if (handlers.refusing() && kOperation != Operation::kForget) return reply.Error(EIO);
  (handlers.*kHandler)(std::move(reply), args...);
}

// The same answer to everybody. To open, opendir and the attribute calls ENOSYS: the kernel then does without them, and
// asks no more. To whatever would change something EROFS.
template <int kError, Operation kOperation, class... Args>
void Answer(fuse_req_t request, Args...) {
  Begin(HandlersOf(request), kOperation, request).Error(kError);
}

void SetChanging(fuse_lowlevel_ops& operations) {
  operations.setattr = Answer<EROFS, Operation::kOther>;
  operations.mknod = Answer<EROFS, Operation::kOther>;
  operations.mkdir = Answer<EROFS, Operation::kOther>;
  operations.unlink = Answer<EROFS, Operation::kOther>;
  operations.rmdir = Answer<EROFS, Operation::kOther>;
  operations.symlink = Answer<EROFS, Operation::kOther>;
  operations.rename = Answer<EROFS, Operation::kOther>;
  operations.link = Answer<EROFS, Operation::kOther>;
  operations.write = Answer<EROFS, Operation::kOther>;
  operations.create = Answer<EROFS, Operation::kOther>;
  operations.setxattr = Answer<EROFS, Operation::kOther>;
  operations.removexattr = Answer<EROFS, Operation::kOther>;
  operations.fallocate = Answer<EROFS, Operation::kOther>;
  operations.copy_file_range = Answer<EROFS, Operation::kOther>;
}

}  // namespace

fuse_lowlevel_ops MakeOperations() {
  fuse_lowlevel_ops operations{};
  operations.init = Init;
  operations.lookup = Call<&Handlers::Lookup, Operation::kLookup>;
  operations.getattr = Call<&Handlers::Getattr, Operation::kGetattr>;
  operations.readlink = Call<&Handlers::Readlink, Operation::kReadlink>;
  operations.forget = Call<&Handlers::Forget, Operation::kForget>;
  operations.forget_multi = Call<&Handlers::ForgetMulti, Operation::kForget>;
  operations.readdir = Call<&Handlers::Readdir, Operation::kReaddir>;
  operations.readdirplus = Call<&Handlers::Readdirplus, Operation::kReaddirplus>;
  operations.read = Call<&Handlers::Read, Operation::kRead>;
  operations.lseek = Call<&Handlers::Lseek, Operation::kLseek>;
  operations.statfs = Call<&Handlers::Statfs, Operation::kStatfs>;
  operations.access = Call<&Handlers::Access, Operation::kAccess>;
  operations.ioctl = Call<&Handlers::Ioctl, Operation::kIoctl>;
  operations.open = Answer<ENOSYS, Operation::kOpen>;
  operations.opendir = Answer<ENOSYS, Operation::kOther>;
  operations.getxattr = Answer<ENOSYS, Operation::kGetxattr>;
  operations.listxattr = Answer<ENOSYS, Operation::kGetxattr>;
  SetChanging(operations);
  return operations;
}

}  // namespace copper::fuse

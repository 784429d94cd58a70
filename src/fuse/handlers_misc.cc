// statfs, access, ioctl.
#include <unistd.h>

#include <cstring>

#include "copper/base/control_ioctl.h"
#include "copper/names/attributes.h"
#include "handlers.h"

namespace copper::fuse {

void Handlers::Statfs(Reply reply, fuse_ino_t id) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  const std::string path = node->kind() == NodeKind::kSource ? node->path() : "/";
  Ask<StatFs>(
      std::move(reply), [&](auto done, auto use) { parts_.fetcher.Statfs(path, std::move(done), std::move(use)); },
      [](Reply& open, Result<StatFs> figures) {
        if (!figures) return open.Error(KernelErrno(figures.error().code));
        struct statvfs result{};
        result.f_bsize = figures->block_size;
        result.f_frsize = figures->fragment_size;
        result.f_blocks = figures->blocks;
        result.f_bfree = figures->blocks_free;
        result.f_bavail = figures->blocks_available;
        result.f_files = figures->files;
        result.f_ffree = figures->files_free;
        result.f_favail = figures->files_free;
        result.f_flag = ST_RDONLY;
        result.f_namemax = figures->name_max;
        open.Statfs(result);
      });
}

// The kernel checks permissions itself (default_permissions); what is left to say is that nothing can be written.
void Handlers::Access(Reply reply, fuse_ino_t id, int mask) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  reply.Error((mask & W_OK) != 0 ? EROFS : 0);
}

void Handlers::Ioctl(Reply reply, fuse_ino_t id, unsigned command, void*, fuse_file_info*, unsigned, const void* in,
                     size_t in_size, size_t out_size) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  if (node->kind() != NodeKind::kControl) return reply.Error(ENOTTY);
  const bool known = command == kStopCommand || command == kRefreshCommand || command == kSnapshotCommand;
  if (!known) return reply.Error(ENOTTY);
  if (fuse_req_ctx(reply.request())->uid != geteuid()) return reply.Error(EPERM);
  const std::span given(static_cast<const std::byte*>(in), in_size);
  if (command == kRefreshCommand) return Obey(std::move(reply), parts_.on_refresh_command, given, out_size);
  if (command == kSnapshotCommand) return Obey(std::move(reply), parts_.on_snapshot_command, given, out_size);
  if (parts_.on_stop_command) parts_.on_stop_command();
  reply.Ioctl(0);
}

void Handlers::Obey(Reply reply, const Server::TextCommandHook& hook, std::span<const std::byte> in, size_t out_size) {
  TextCommand command;
  if (in.size() < sizeof command || out_size < sizeof command || !hook) return reply.Error(EINVAL);
  std::memcpy(&command, in.data(), sizeof command);
  command.text[sizeof command.text - 1] = '\0';
  Ask<std::string>(
      std::move(reply), [&](auto done, auto&&) { hook(command.text, std::move(done)); },
      [](Reply& open, const Result<std::string>& outcome) {
        TextCommand answer;
        answer.failed = outcome ? 0 : 1;
        const std::string text = outcome ? *outcome : outcome.error().message;
        text.copy(answer.text, sizeof answer.text - 1);
        open.Ioctl(0, std::as_bytes(std::span(&answer, 1)));
      });
}

}  // namespace copper::fuse

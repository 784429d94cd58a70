#include "operations.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <vector>

#include "mount.h"

namespace copper::source_fs {
namespace {

Mount& MountOf(fuse_req_t request) {
  return *static_cast<Mount*>(fuse_req_userdata(request));
}

int SourceOf(fuse_req_t request) {
  return MountOf(request).options().source;
}

// As the *at calls take it.
std::string Relative(const std::string& path) {
  return path == "/" ? "." : path.substr(1);
}

Faults::Effect Work(fuse_req_t request, Operation operation, const std::string& path, uint64_t offset = 0,
                    size_t bytes = 0) {
  const auto interrupted = [request] { return fuse_req_interrupted(request) != 0; };
  return MountOf(request).server().Work(operation, path, offset, bytes, interrupted);
}

int Stat(fuse_req_t request, const std::string& path, struct stat& found) {
  return fstatat(SourceOf(request), Relative(path).c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

// 0, or why this node can't be had any more.
int StatNode(fuse_req_t request, const Node& node, struct stat& found) {
  const int error = Stat(request, node.path, found);
  if (error == ENOENT || error == ENOTDIR) return ESTALE;
  return error == 0 && found.st_ino != node.inode ? ESTALE : error;
}

void Init(void*, fuse_conn_info* connection) {
  connection->max_background = 256;
  connection->congestion_threshold = 192;
}

void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const std::string path = MountOf(request).nodes().PathOf(parent, name);
  if (const auto effect = Work(request, Operation::kLookup, path); effect.error != 0) {
    fuse_reply_err(request, effect.error);
    return;
  }
  fuse_entry_param entry{};
  entry.entry_timeout = entry.attr_timeout = MountOf(request).options().cache_seconds;
  const int error = Stat(request, path, entry.attr);
  if (error == 0) entry.ino = MountOf(request).nodes().Remember({path, entry.attr.st_ino});
  entry.attr.st_ino = MountOf(request).server().NumberOf(entry.attr.st_ino);
  if (error == 0 || (error == ENOENT && entry.entry_timeout > 0)) {  // inode 0: absent, for as long
    if (fuse_reply_entry(request, &entry) == -ENOENT && entry.ino != 0) MountOf(request).nodes().Forget(entry.ino, 1);
    return;
  }
  fuse_reply_err(request, error);
}

void Forget(fuse_req_t request, fuse_ino_t inode, uint64_t times) {
  MountOf(request).nodes().Forget(inode, times);
  fuse_reply_none(request);
}

void ForgetMany(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) MountOf(request).nodes().Forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void GetAttributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const Node node = MountOf(request).nodes().Find(inode);
  const auto effect = Work(request, Operation::kGetattr, node.path);
  struct stat found{};
  const int error = effect.error != 0 ? effect.error : StatNode(request, node, found);
  if (error != 0) {
    fuse_reply_err(request, error);
  } else {
    found.st_ino = MountOf(request).server().NumberOf(found.st_ino);
    fuse_reply_attr(request, &found, MountOf(request).options().cache_seconds);
  }
}

void ReadLink(fuse_req_t request, fuse_ino_t inode) {
  const Node node = MountOf(request).nodes().Find(inode);
  const auto effect = Work(request, Operation::kReadlink, node.path);
  char target[PATH_MAX + 1] = {};
  int error = effect.error;
  if (error == 0 && readlinkat(SourceOf(request), Relative(node.path).c_str(), target, PATH_MAX) < 0) error = errno;
  if (error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_readlink(request, target);
  }
}

// A descriptor of the node, or -errno.
int OpenNode(fuse_req_t request, const Node& node, int flags) {
  struct stat found{};
  if (const int error = StatNode(request, node, found); error != 0) return -error;
  const int fd = openat(SourceOf(request), Relative(node.path).c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void Open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  const Node node = MountOf(request).nodes().Find(inode);
  const auto effect = Work(request, Operation::kOpen, node.path);
  const int fd = effect.error != 0 ? -effect.error : OpenNode(request, node, O_RDONLY);
  if (fd < 0) {
    fuse_reply_err(request, -fd);
    return;
  }
  const bool caches = MountOf(request).options().cache_seconds > 0;
  file->fh = static_cast<uint64_t>(fd);
  file->keep_cache = caches;
  file->direct_io = !caches;
  if (fuse_reply_open(request, file) == -ENOENT) close(fd);
}

void Read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* file) {
  std::vector<char> bytes(size);
  const ssize_t got = pread(static_cast<int>(file->fh), bytes.data(), size, offset);
  const int failed = got < 0 ? errno : 0;
  const size_t length = got < 0 ? 0 : static_cast<size_t>(got);
  const std::string path = MountOf(request).nodes().Find(inode).path;
  const auto effect = Work(request, Operation::kRead, path, static_cast<uint64_t>(offset), length);
  if (const int error = effect.error != 0 ? effect.error : failed; error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_buf(request, bytes.data(), std::min(length, effect.longest));
  }
}

void Release(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  close(static_cast<int>(file->fh));
  fuse_reply_err(request, 0);
}

struct Name {
  std::string name;
  struct stat attributes{};  // inode and type
};
using Names = std::vector<Name>;

// All names at once, "." and ".." too: a directory that changes meanwhile can't get them out of step.
std::unique_ptr<Names> ReadNames(int fd, const Server& server) {
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) return nullptr;
  auto names = std::make_unique<Names>();
  while (const dirent* found = readdir(directory)) {
    Name name{found->d_name};
    name.attributes.st_ino = server.NumberOf(found->d_ino);
    name.attributes.st_mode = static_cast<mode_t>(DTTOIF(found->d_type));
    names->push_back(std::move(name));
  }
  closedir(directory);
  return names;
}

void OpenDirectory(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  const Node node = MountOf(request).nodes().Find(inode);
  const auto effect = Work(request, Operation::kOpendir, node.path);
  const int fd = effect.error != 0 ? -effect.error : OpenNode(request, node, O_RDONLY | O_DIRECTORY);
  if (fd < 0) {
    fuse_reply_err(request, -fd);
    return;
  }
  std::unique_ptr<Names> names = ReadNames(fd, MountOf(request).server());
  file->fh = reinterpret_cast<uint64_t>(names.get());
  if (fuse_reply_open(request, file) == 0) static_cast<void>(names.release());  // until ReleaseDirectory
}

void ReadDirectory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* file) {
  const std::string path = MountOf(request).nodes().Find(inode).path;
  if (const auto effect = Work(request, Operation::kReaddir, path); effect.error != 0) {
    fuse_reply_err(request, effect.error);
    return;
  }
  const Names& names = *reinterpret_cast<const Names*>(file->fh);
  std::vector<char> buffer(size);
  size_t used = 0;
  for (size_t i = static_cast<size_t>(offset); i < names.size(); ++i) {
    const size_t needed = fuse_add_direntry(request, buffer.data() + used, size - used, names[i].name.c_str(),
                                            &names[i].attributes, static_cast<off_t>(i + 1));
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(request, buffer.data(), used);
}

void ReleaseDirectory(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  const std::unique_ptr<Names> names(reinterpret_cast<Names*>(file->fh));
  fuse_reply_err(request, 0);
}

void Seek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence, fuse_file_info* file) {
  const auto effect = Work(request, Operation::kLseek, MountOf(request).nodes().Find(inode).path);
  const off_t found = lseek(static_cast<int>(file->fh), offset, whence);
  if (const int error = effect.error != 0 ? effect.error : found < 0 ? errno : 0; error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_lseek(request, found);
  }
}

void StatFileSystem(fuse_req_t request, fuse_ino_t) {
  const auto effect = Work(request, Operation::kStatfs, "/");
  struct statvfs found{};
  const int error = effect.error != 0 ? effect.error : fstatvfs(SourceOf(request), &found) == 0 ? 0 : errno;
  if (error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_statfs(request, &found);
  }
}

}  // namespace

fuse_lowlevel_ops Operations() {
  fuse_lowlevel_ops operations{};
  operations.init = Init;
  operations.lookup = Lookup;
  operations.forget = Forget;
  operations.forget_multi = ForgetMany;
  operations.getattr = GetAttributes;
  operations.readlink = ReadLink;
  operations.open = Open;
  operations.read = Read;
  operations.release = Release;
  operations.opendir = OpenDirectory;
  operations.readdir = ReadDirectory;
  operations.releasedir = ReleaseDirectory;
  operations.lseek = Seek;
  operations.statfs = StatFileSystem;
  return operations;
}

}  // namespace copper::source_fs

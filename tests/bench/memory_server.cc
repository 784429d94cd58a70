// A FUSE mount that does nothing but serve one file from memory, as fast as libfuse can: the baseline for a cold read.
// It uses all that makes Copper's mount fast (low level, long timeouts, no open, no release), and no network.
//   memory_server MOUNT SIZE MAX_READ    prints "ready" once mounted; ends on SIGTERM or SIGINT, or when unmounted
#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr fuse_ino_t kFile = 2;
constexpr std::string_view kFileName = "large.bin";
constexpr double kForEver = 1e9;  // seconds

struct Memory {
  std::vector<char> bytes;
  unsigned max_read;
};

Memory& MemoryOf(fuse_req_t request) {
  return *static_cast<Memory*>(fuse_req_userdata(request));
}

struct stat AttributesOf(fuse_req_t request, fuse_ino_t inode) {
  struct stat attributes{};
  attributes.st_ino = inode;
  attributes.st_nlink = 1;
  attributes.st_mode = inode == kFile ? S_IFREG | 0444 : S_IFDIR | 0555;
  if (inode == kFile) attributes.st_size = static_cast<off_t>(MemoryOf(request).bytes.size());
  return attributes;
}

void Init(void* memory, fuse_conn_info* connection) {
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
  connection->max_read = static_cast<Memory*>(memory)->max_read;
  connection->max_readahead = connection->max_read;
  connection->max_background = 64;
  connection->congestion_threshold = 48;
}

void Lookup(fuse_req_t request, fuse_ino_t, const char* name) {
  fuse_entry_param entry{};
  entry.entry_timeout = entry.attr_timeout = kForEver;
  if (name == kFileName) {
    entry.ino = kFile;
    entry.attr = AttributesOf(request, kFile);
  }
  fuse_reply_entry(request, &entry);
}

void GetAttributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const struct stat attributes = AttributesOf(request, inode);
  fuse_reply_attr(request, &attributes, kForEver);
}

void NoOpen(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(request, ENOSYS);
}

void Read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
  auto& bytes = MemoryOf(request).bytes;
  const size_t begin = std::min(static_cast<size_t>(offset), bytes.size());
  fuse_reply_buf(request, bytes.data() + begin, std::min(size, bytes.size() - begin));
}

fuse_lowlevel_ops Operations() {
  fuse_lowlevel_ops operations{};
  operations.init = Init;
  operations.lookup = Lookup;
  operations.getattr = GetAttributes;
  operations.open = NoOpen;
  operations.opendir = NoOpen;
  operations.read = Read;
  return operations;
}

Memory Pattern(size_t size, unsigned max_read) {
  Memory memory{std::vector<char>(size), max_read};
  for (size_t i = 0; i < size; ++i) memory.bytes[i] = static_cast<char>(i ^ (i >> 12));
  return memory;
}

struct SessionDeleter {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

int Serve(fuse_session* session, const char* mount) {
  if (fuse_set_signal_handlers(session) != 0) return 1;
  if (fuse_session_mount(session, mount) != 0) return 1;
  std::puts("ready");
  std::fflush(stdout);
  fuse_loop_config* config = fuse_loop_cfg_create();
  const int ended = fuse_session_loop_mt(session, config);  // a signal's number, or negative
  fuse_loop_cfg_destroy(config);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  return ended < 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: memory_server MOUNT SIZE MAX_READ\n");
    return 2;
  }
  Memory memory = Pattern(std::strtoull(argv[2], nullptr, 10), static_cast<unsigned>(std::atoi(argv[3])));
  const std::string options =
      "-oro,default_permissions,fsname=memory_server,max_read=" + std::to_string(memory.max_read);
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&arguments, argv[0]);
  fuse_opt_add_arg(&arguments, options.c_str());
  const fuse_lowlevel_ops operations = Operations();
  const std::unique_ptr<fuse_session, SessionDeleter> session(
      fuse_session_new(&arguments, &operations, sizeof(operations), &memory));
  fuse_opt_free_args(&arguments);
  return session ? Serve(session.get(), argv[1]) : 1;
}

// One mount of the slow server: a directory passed through, read-only.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "nodes.h"
#include "server.h"

struct fuse_session;

namespace copper::source_fs {

class Mount {
 public:
  struct Options {
    int source = -1;  // descriptor of the directory; outlives the mount
    std::string point;
    // How long the kernel believes names, absence and attributes. Only if it does at all, it keeps pages, too, as long
    // as a file's time stays the same; otherwise each open, read and look comes to the server.
    double cache_seconds = 0;
  };

  // Null if it can't be mounted; libfuse has said why on stderr. `server` outlives the mount.
  static std::unique_ptr<Mount> Make(const Options& options, Server& server);
  // What the kernel still waits for ends when the process does.
  ~Mount();

  const Options& options() const { return options_; }
  Server& server() { return server_; }
  Nodes& nodes() { return nodes_; }

 private:
  Mount(const Options& options, Server& server, const Node& root) : options_(options), server_(server), nodes_(root) {}

  const Options options_;
  Server& server_;
  Nodes nodes_;
  fuse_session* session_ = nullptr;
  std::thread loop_;
};

}  // namespace copper::source_fs

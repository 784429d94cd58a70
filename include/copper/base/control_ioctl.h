// The control channel of one mount: ioctl(2) on `.copper/control` below it, for the job's own user only. Here, since
// both sides know it: fuse answers it, the `copper` program (which links no libfuse) sends it.
#pragma once

#include <sys/ioctl.h>

namespace copper {

// Ends the job on every node, as `copper stop JOBDIR` does.
inline constexpr unsigned kStopCommand = _IO('C', 1);

// Forgets a path on every node, as `copper refresh JOBDIR PATH` does; returns when that is done.
struct RefreshCommand {
  unsigned failed = 0;   // out: 0 if every node has forgotten it
  char text[4096] = {};  // in: the path, empty for everything; out: what happened. With a NUL.
};
inline constexpr unsigned kRefreshCommand = _IOWR('C', 2, RefreshCommand);

}  // namespace copper

// The control channel of one mount: ioctl(2) on `.copper/control` below it, for the job's own user only. Here, since
// both sides know it: fuse answers it, the `copper` program (which links no libfuse) sends it.
#pragma once

#include <sys/ioctl.h>

namespace copper {

// Ends the job on every node, as `copper stop JOBDIR` does.
inline constexpr unsigned kStopCommand = _IO('C', 1);

// Commands that take a text and answer with one; they return when what they ask for is done, or has failed.
struct TextCommand {
  unsigned failed = 0;   // out: 0 if it was done
  char text[4096] = {};  // in: what the command wants; out: what happened. With a NUL.
};
// Forgets a path on every node (empty: everything), as `copper refresh JOBDIR PATH` does.
inline constexpr unsigned kRefreshCommand = _IOWR('C', 2, TextCommand);
// Writes a snapshot of the profile under this name (empty: one is made), as `copper snapshot JOBDIR TAG` does.
inline constexpr unsigned kSnapshotCommand = _IOWR('C', 3, TextCommand);

}  // namespace copper

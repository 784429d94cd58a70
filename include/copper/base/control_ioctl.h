// The control channel of one mount: ioctl(2) on `.copper/control` below it, for the job's own user only. Here, since
// both sides know it: fuse answers it, the `copper` program (which links no libfuse) sends it.
#pragma once

#include <sys/ioctl.h>

namespace copper {

// Ends the job on every node, as `copper stop JOBDIR` does.
inline constexpr unsigned kStopCommand = _IO('C', 1);

}  // namespace copper

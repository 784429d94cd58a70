// The operations of the mount, for libfuse; the session's user data is the Mount.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

namespace copper::source_fs {

fuse_lowlevel_ops Operations();

}  // namespace copper::source_fs

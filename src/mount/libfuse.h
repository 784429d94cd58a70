// The one place of this module that includes libfuse, at the version of its interface that the module is written for.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>

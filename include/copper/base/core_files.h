// What of a rank may end up in files, or in another process: nothing, unless somebody who looks for a fault asks for
// it.
#pragma once

namespace copper {

// From now on this process leaves no core file, and no process of the same user can trace it or read its memory, which
// holds the job's key and what files hold (PR_SET_DUMPABLE). Unless COPPER_CORE_FILES=1 is in the environment: then a
// core file has all but the keys. The files of /proc/PID belong to root meanwhile; all that matters can be read
// (status, stat, statm, cmdline, task), all but fd, maps, environ and the like.
void HideFromOthers();

}  // namespace copper

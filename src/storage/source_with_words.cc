#include "copper/storage/source_with_words.h"

#include <fcntl.h>

#include <cerrno>

#include "copper/base/open_files_limit.h"

namespace copper::storage {

SourceWithWords::SourceWithWords(BackingStore& store, Logger& log)
    : store_(store), log_(log), spare_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

void SourceWithWords::Note(int code) {
  const bool is_short = code == EMFILE || code == ENFILE;
  if (!is_short || said_.exchange(true)) return;
  spare_.Reset();
  if (code == EMFILE) {
    log_.Error(
        "the source can't be read: this process has all the {} files open that it may have (ulimit -n); readers "
        "get \"Too many open files\" while that lasts",
        OpenFilesLimit());
  } else {
    log_.Error("the source can't be read: this host has no more open files to give (sysctl fs.file-max)");
  }
}

}  // namespace copper::storage

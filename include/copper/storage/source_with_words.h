#pragma once

#include <atomic>
#include <string>

#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "copper/storage/backing_store.h"

namespace copper::storage {

// The source, with a line in the log when it can't be read for want of open files: the first time only, since readers
// then get that errno at the rate at which they ask. Any thread.
class SourceWithWords final : public BackingStore {
 public:
  SourceWithWords(BackingStore& store, Logger& log);

  Result<Attributes> Look(const std::string& path) override { return Noted(store_.Look(path)); }
  Result<Listing> List(const std::string& path, ListLimit limit) override { return Noted(store_.List(path, limit)); }
  Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                     Seen& seen) override {
    return Noted(store_.Read(path, version, offset, length, seen));
  }
  void Reopen(const std::string& path, const FileVersion& version) override { store_.Reopen(path, version); }
  Result<uint64_t> Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) override {
    return Noted(store_.Seek(path, version, offset, whence));
  }
  Result<StatFs> Statfs(const std::string& path) override { return Noted(store_.Statfs(path)); }

 private:
  template <class T>
  Result<T> Noted(Result<T> result) {
    if (!result) Note(result.error().code);
    return result;
  }
  void Note(int code);

  BackingStore& store_;
  Logger& log_;
  std::atomic<bool> said_{false};
  UniqueFd spare_;  // for the log, whose file may not be open yet
};

}  // namespace copper::storage

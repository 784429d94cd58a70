// Files that a verb writes into one folder: all of them, or none.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"

namespace copper::postproc {

// Each file is written under a temporary name beside its own; Commit gives them their names. What has not been
// committed is removed at the end, and so is the folder if it was made for it. A device or a FIFO is written to, and
// stays what it is. One thread.
class OutputFiles {
 public:
  // Makes the folder, where it is missing, and finds out whether files can be made there: before the work is done.
  static Result<std::unique_ptr<OutputFiles>> In(const std::string& directory);
  ~OutputFiles();
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  const std::string& directory() const { return directory_; }

  // A file of the folder, or one elsewhere that belongs to the same output (an absolute path, or one with a slash).
  Status Add(const std::string& name, std::string_view content);
  // One that grows: its number, for Append. A failure of Append is told by Commit.
  Result<size_t> Open(const std::string& name);
  void Append(size_t file, std::string_view text);
  // ENOSPC and others: then no file has got its name.
  Status Commit();
  // The files, by their names.
  std::vector<std::string> Names() const;

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct File {
    std::string name;
    std::string temporary;  // empty: it is written in place
    std::unique_ptr<std::FILE, CloseFile> stream;
    int failed = 0;  // the errno of the first Append that failed
  };

  explicit OutputFiles(std::string directory) : directory_(std::move(directory)) {}
  Status Finish(File& file);

  std::string directory_;
  std::vector<std::string> made_;  // folders, outermost first
  std::vector<File> files_;
  bool committed_ = false;
};

}  // namespace copper::postproc

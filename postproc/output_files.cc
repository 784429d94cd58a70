#include "output_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ranges>

#include "copper/base/files.h"
#include "copper/base/unique_fd.h"

namespace copper::postproc {
namespace {

// The folders on the way to `path` that are not there yet, outermost first.
std::vector<std::string> MissingFolders(const std::string& path) {
  std::vector<std::string> missing;
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    struct stat found{};
    if (lstat(part.c_str(), &found) != 0) missing.push_back(part);
    if (slash == std::string::npos) return missing;
  }
}

std::string TemporaryName(const std::string& name) {
  return name + ".tmp" + std::to_string(getpid());
}

}  // namespace

Result<std::unique_ptr<OutputFiles>> OutputFiles::In(const std::string& directory) {
  std::unique_ptr<OutputFiles> files(new OutputFiles(directory));
  files->made_ = MissingFolders(directory);
  if (Status made = MakeDirectories(directory); !made)
    return Fail(made.error().code, "cannot write into " + directory + ": " + made.error().Describe());
  const std::string probe = TemporaryName(directory + "/.copper-probe");
  const UniqueFd file(open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return FailErrno("cannot write into " + directory);
  unlink(probe.c_str());
  return files;
}

OutputFiles::~OutputFiles() {
  if (committed_) return;
  for (File& file : files_) {
    file.stream.reset();
    if (!file.temporary.empty()) unlink(file.temporary.c_str());
  }
  for (const std::string& folder : made_ | std::views::reverse) rmdir(folder.c_str());
}

Result<size_t> OutputFiles::Open(const std::string& name) {
  const std::string path = name.contains('/') ? name : directory_ + "/" + name;
  struct stat found{};
  const bool is_there = stat(path.c_str(), &found) == 0;
  if (is_there && S_ISDIR(found.st_mode)) return Fail(EISDIR, path + " is a directory");
  const bool in_place = is_there && !S_ISREG(found.st_mode);
  const std::string temporary = in_place ? "" : TemporaryName(path);
  UniqueFd fd(in_place ? open(path.c_str(), O_WRONLY | O_CLOEXEC)
                       : open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return FailErrno("cannot write " + path);
  std::unique_ptr<std::FILE, CloseFile> stream(fdopen(fd.get(), "w"));
  if (!stream) return FailErrno("cannot write " + path);
  (void)fd.Release();
  files_.push_back({path, temporary, std::move(stream)});
  return files_.size() - 1;
}

void OutputFiles::Append(size_t file, std::string_view text) {
  File& into = files_[file];
  if (into.failed != 0) return;
  if (std::fwrite(text.data(), 1, text.size(), into.stream.get()) != text.size()) into.failed = errno;
}

Status OutputFiles::Add(const std::string& name, std::string_view content) {
  const Result<size_t> file = Open(name);
  if (!file) return std::unexpected(file.error());
  Append(*file, content);
  return {};
}

Status OutputFiles::Finish(File& file) {
  if (file.failed == 0 && std::fflush(file.stream.get()) != 0) file.failed = errno;
  if (std::fclose(file.stream.release()) != 0 && file.failed == 0) file.failed = errno;
  errno = file.failed;
  if (file.failed != 0) return FailErrno("cannot write " + file.name);
  return {};
}

Status OutputFiles::Commit() {
  for (File& file : files_) {
    if (Status finished = Finish(file); !finished) return finished;
  }
  for (const File& file : files_) {
    if (file.temporary.empty()) continue;
    if (rename(file.temporary.c_str(), file.name.c_str()) != 0) return FailErrno("cannot write " + file.name);
  }
  committed_ = true;
  return {};
}

std::vector<std::string> OutputFiles::Names() const {
  std::vector<std::string> names;
  for (const File& file : files_) names.push_back(file.name);
  return names;
}

}  // namespace copper::postproc

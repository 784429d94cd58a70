#include "profile/file_loader.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <filesystem>

#include "copper/base/unique_fd.h"

namespace copper::profile {
namespace {

constexpr std::string_view kFile = "/copper_hdf5.so";
constexpr const char* kRemedy = ": install Copper again, all of it";

// Whether this process has it, without a look at the file system.
bool IsLoaded(const std::string& file) {
  const auto is_it = [](dl_phdr_info* library, size_t /*size*/, void* name) {
    return static_cast<int>(*static_cast<const std::string*>(name) == library->dlpi_name);
  };
  return dl_iterate_phdr(is_it, const_cast<std::string*>(&file)) != 0;
}

// The dynamic linker holds a lock while it waits for a file system, which every new thread needs (glibc's
// dl_load_tls_lock): one that hangs would take the process with it. So its file is read before, which hangs alone.
Status ReadAhead(const std::string& file) {
  const UniqueFd opened(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened) return FailErrno("cannot open " + file);
  std::vector<char> block(size_t{64} << 10);
  for (;;) {
    const ssize_t got = read(opened.get(), block.data(), block.size());
    if (got == 0) return {};
    if (got < 0 && errno != EINTR) return FailErrno("cannot read " + file);
  }
}

// RTLD_NOW: what is missing is found now, and not in the middle of writing.
Result<const FileLibrary*> Load(const std::string& file) {
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const auto* const found =
      library == nullptr ? nullptr : static_cast<const FileLibrary*>(dlsym(library, kFileLibrarySymbol));
  if (found == nullptr) {
    const char* const reason = dlerror();
    return Fail(ELIBACC, "cannot load what writes and reads profiles, " + file + ": " +
                             (reason == nullptr ? "no reason is given" : reason));
  }
  if (found->build != BuildOf(COPPER_VERSION)) {
    return Fail(ELIBBAD, file + ", which writes and reads profiles, is of another build than this program" + kRemedy);
  }
  return found;
}

}  // namespace

std::vector<std::string> PlacesOfFileLibrary() {
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return {};
  const std::filesystem::path here = program.parent_path();
  return {(here / COPPER_LIBRARIES_FROM_PROGRAM).lexically_normal().native(), here.native()};
}

Result<const FileLibrary*> LoadFileLibrary(std::span<const std::string> places) {
  for (const std::string& place : places) {
    if (const std::string file = place + std::string(kFile); IsLoaded(file)) return Load(file);
  }
  std::string looked_in;
  for (const std::string& place : places) {
    const std::string file = place + std::string(kFile);
    const Status there = ReadAhead(file);
    if (there) return Load(file);
    if (there.error().code != ENOENT) return std::unexpected(there.error());
    looked_in += (looked_in.empty() ? "" : ", nor in ") + place;
  }
  return Fail(ENOENT, "what writes and reads profiles, " + std::string(kFile.substr(1)) + ", is not in " +
                          (looked_in.empty() ? "/proc/self/exe's directory" : looked_in) + kRemedy);
}

}  // namespace copper::profile

#include "copper/profile/profile_file.h"

#include "profile/file_loader.h"

namespace copper::profile {
namespace {

Result<const FileLibrary*> Library() {
  return LoadFileLibrary(PlacesOfFileLibrary());
}

std::unexpected<Error> CannotLoad(const std::string& doing, const Error& error) {
  return Fail(error.code, doing + ": " + error.message);
}

}  // namespace

Status LoadProfileFiles() {
  const Result<const FileLibrary*> library = Library();
  if (!library) return std::unexpected(library.error());
  return {};
}

Status WriteProfile(const std::string& file, const Profile& profile) {
  const Result<const FileLibrary*> library = Library();
  if (!library) return CannotLoad("cannot write " + file, library.error());
  return (*library)->write(file, profile);
}

Status WritePathTable(const std::string& file, const Profile& profile) {
  const Result<const FileLibrary*> library = Library();
  if (!library) return CannotLoad("cannot write " + file, library.error());
  return (*library)->write_path_table(file, profile);
}

Result<Profile> ReadProfile(const std::string& file) {
  const Result<const FileLibrary*> library = Library();
  if (!library) return CannotLoad("cannot read " + file, library.error());
  return (*library)->read(file);
}

}  // namespace copper::profile

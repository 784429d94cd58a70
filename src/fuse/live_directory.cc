#include "live_directory.h"

#include <dirent.h>
#include <unistd.h>

#include "copper/base/hash.h"
#include "copper/base/path.h"
#include "copper/names/attributes.h"
#include "copper/names/listing_builder.h"

namespace copper::fuse {
namespace {

std::shared_ptr<const Attributes> MakeAttributes(uint32_t mode, std::string_view path, size_t size) {
  Attributes made;
  made.mode = mode;
  made.nlink = S_ISDIR(mode) ? 2 : 1;
  made.uid = geteuid();
  made.gid = getegid();
  made.file_system = kOwnFileSystem | kInodesOfPaths;
  made.inode = Hash(path);
  made.size = size;
  made.blocks = (size + 511) / 512;
  made.atime = made.mtime = made.ctime = FileTime::Now();
  return std::make_shared<const Attributes>(std::move(made));
}

LiveDirectory::Made Make(NodeKind kind, std::string path, uint32_t mode, Bytes content) {
  LiveDirectory::Made made;
  made.known = {MakeAttributes(mode, path, content.size()), TimePoint::min()};
  made.identity.kind = kind;
  made.identity.path = std::move(path);
  made.identity.type = mode & S_IFMT;
  made.identity.content = std::move(content);
  return made;
}

std::string PathOf(std::string_view name) {
  return JoinPath(JoinPath("/", LiveDirectory::kName), name);
}

}  // namespace

LiveDirectory::Made LiveDirectory::MakeDirectory() const {
  return Make(NodeKind::kLiveDirectory, JoinPath("/", kName), S_IFDIR | 0555, {});
}

std::optional<LiveDirectory::Made> LiveDirectory::MakeFile(std::string_view name) const {
  if (name == kControlName) return Make(NodeKind::kControl, PathOf(name), S_IFREG | 0600, {});
  const auto it = files_.find(std::string(name));
  if (it == files_.end()) return std::nullopt;
  const std::string text = it->second();
  return Make(NodeKind::kLiveFile, PathOf(name), S_IFREG | 0444, Bytes::Copy(std::as_bytes(std::span(text))));
}

ListingPtr LiveDirectory::List() const {
  ListingBuilder names(*MakeDirectory().known.attributes);
  const auto add = [&](std::string_view name) {
    static_cast<void>(names.Add(name, Hash(PathOf(name)), DT_REG));  // the few names fit
  };
  add(kControlName);
  for (const auto& [name, make] : files_) add(name);
  return std::make_shared<const Listing>(names.Build(/*answers_absence=*/true));
}

}  // namespace copper::fuse

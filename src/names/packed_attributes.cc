#include "copper/names/packed_attributes.h"

#include <algorithm>

namespace copper {
namespace {

constexpr size_t kTargetSizeAt = 20;
// In this order: the seconds of each, then the nanoseconds of each.
constexpr FileTime Attributes::* kTimes[] = {&Attributes::atime, &Attributes::mtime, &Attributes::ctime};

bool IsKnownMode(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return (mode & ~uint32_t{S_IFMT | 07777}) == 0;
    default:
      return false;
  }
}

bool IsSound(const Attributes& attributes) {
  return IsKnownMode(attributes.mode) &&
         std::ranges::all_of(kTimes, [&](auto time) { return (attributes.*time).IsSound(); }) &&
         (attributes.IsSymlink() || attributes.symlink_target.empty()) && !attributes.symlink_target.contains('\0');
}

}  // namespace

size_t PackedSize(const Attributes& attributes) {
  return kMinPackedAttributes + attributes.symlink_target.size();
}

size_t PackedSize(const std::byte* packed) {
  return kMinPackedAttributes + Get<uint32_t>(packed + kTargetSizeAt);
}

void Pack(const Attributes& attributes, Writer& writer) {
  writer.Add(attributes.mode);
  writer.Add(attributes.nlink);
  writer.Add(attributes.uid);
  writer.Add(attributes.gid);
  writer.Add(attributes.block_size);
  writer.Add(static_cast<uint32_t>(attributes.symlink_target.size()));
  writer.Add(attributes.rdev);
  writer.Add(attributes.file_system);
  writer.Add(attributes.inode);
  writer.Add(attributes.size);
  writer.Add(attributes.blocks);
  for (const auto time : kTimes) writer.Add((attributes.*time).seconds);
  for (const auto time : kTimes) writer.Add((attributes.*time).nanoseconds);
  writer.AddText(attributes.symlink_target);
}

bool Unpack(Reader& reader, Attributes& attributes) {
  attributes.mode = reader.Take<uint32_t>();
  attributes.nlink = reader.Take<uint32_t>();
  attributes.uid = reader.Take<uint32_t>();
  attributes.gid = reader.Take<uint32_t>();
  attributes.block_size = reader.Take<uint32_t>();
  const auto target_size = reader.Take<uint32_t>();
  attributes.rdev = reader.Take<uint64_t>();
  attributes.file_system = reader.Take<uint64_t>();
  attributes.inode = reader.Take<uint64_t>();
  attributes.size = reader.Take<uint64_t>();
  attributes.blocks = reader.Take<uint64_t>();
  for (const auto time : kTimes) (attributes.*time).seconds = reader.Take<int64_t>();
  for (const auto time : kTimes) (attributes.*time).nanoseconds = reader.Take<uint32_t>();
  attributes.symlink_target = reader.TakeText(target_size);
  return reader.ok() && IsSound(attributes);
}

}  // namespace copper

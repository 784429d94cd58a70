#include "simulation/file_tree.h"

#include <dirent.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "copper/base/chunk_size.h"
#include "copper/base/hash.h"
#include "simulation/random.h"

namespace copper::simulation {
namespace {

constexpr size_t kBlock = 16 * kChunkSize;
constexpr size_t kStep = 64;  // windows begin at multiples of it
constexpr unsigned char kElf[] = {0x7f, 'E', 'L', 'F'};
// Long ago, so that listings answer for absent names.
constexpr int64_t kOldest = 1'600'000'000;

// Every chunk-aligned place begins as a library does; nothing else is.
std::shared_ptr<std::byte> MakeBlock() {
  const std::shared_ptr<std::byte> block(new std::byte[kBlock], std::default_delete<std::byte[]>());
  Random random(0, 0);  // the same in every run: what is read is no business of the seed's
  for (size_t at = 0; at < kBlock; at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(block.get() + at, &word, sizeof word);
  }
  for (size_t at = 0; at < kBlock; at += kChunkSize) std::memcpy(block.get() + at, kElf, sizeof kElf);
  return block;
}

uint32_t ModeOf(NameKind kind) {
  return kind == NameKind::kDirectory ? S_IFDIR | 0755 : S_IFREG | 0644;
}

}  // namespace

FileTree::FileTree() : block_(MakeBlock()) {
  names_.push_back({.parent = kRoot, .kind = NameKind::kDirectory, .size = 4096, .name = {}});
  names_[kRoot].path = &by_path_.emplace("/", kRoot).first->first;
}

NameId FileTree::Add(NameId parent, std::string_view name, NameKind kind, uint64_t size) {
  const auto id = static_cast<NameId>(names_.size());
  if (kind == NameKind::kDirectory) size = 4096;
  names_.push_back({.parent = parent, .kind = kind, .size = size, .name = std::string(name)});
  const std::string above = parent == kRoot ? "" : PathOf(parent);
  names_[id].path = &by_path_.emplace(above + "/" + std::string(name), id).first->first;
  if (kind != NameKind::kAbsent) names_[parent].children.push_back(id);
  if (kind == NameKind::kFile || kind == NameKind::kLibrary) files_.push_back(id);
  return id;
}

void FileTree::Replace(NameId id) {
  ++names_[id].generation;
}

std::optional<NameId> FileTree::Find(std::string_view path) const {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return std::nullopt;
  return found->second;
}

FileVersion FileTree::VersionOf(NameId id, uint32_t generation) const {
  return {.inode = uint64_t{generation} << 32 | (id + 2U),
          .size = names_[id].size,
          .mtime = {.seconds = kOldest + generation, .nanoseconds = id % FileTime::kPerSecond}};
}

std::optional<uint32_t> FileTree::GenerationOf(NameId id, const FileVersion& version) const {
  const auto generation = static_cast<uint32_t>(version.inode >> 32);
  if (generation > names_[id].generation || VersionOf(id, generation) != version) return std::nullopt;
  return generation;
}

bool FileTree::IsVersion(NameId id, const FileVersion& version) const {
  return GenerationOf(id, version).has_value();
}

Attributes FileTree::AttributesOf(NameId id) const {
  const Name& name = names_[id];
  const FileVersion version = VersionOf(id, name.generation);
  Attributes attributes;
  attributes.mode = ModeOf(name.kind);
  attributes.nlink = name.kind == NameKind::kDirectory ? 2 : 1;
  attributes.inode = version.inode;
  attributes.size = version.size;
  attributes.blocks = (version.size + 511) / 512;
  attributes.mtime = attributes.ctime = attributes.atime = version.mtime;
  return attributes;
}

Status FileTree::FillListing(NameId id, bool with_attributes, ListingBuilder& builder) const {
  for (const NameId child : names_[id].children) {
    const Attributes attributes = AttributesOf(child);
    const Status added =
        builder.Add(names_[child].name, attributes.inode, static_cast<uint8_t>(IFTODT(attributes.mode)),
                    with_attributes ? &attributes : nullptr);
    if (!added) return added;
  }
  return {};
}

const std::byte* FileTree::At(NameId id, uint32_t generation, uint64_t offset) const {
  const uint64_t chunk = offset / kChunkSize;
  const uint64_t where = Hash(uint64_t{id} << 32 | generation, chunk);
  const bool is_head = names_[id].kind == NameKind::kLibrary && chunk == 0;
  // Windows of the others never begin where libraries do.
  constexpr uint64_t kPlaces = kChunkSize / kStep - 1;
  const uint64_t begin =
      where / kPlaces % (kBlock / kChunkSize - 1) * kChunkSize + (is_head ? 0 : (where % kPlaces + 1) * kStep);
  return block_.get() + begin + offset % kChunkSize;
}

Bytes FileTree::Content(NameId id, uint64_t offset, size_t length) const {
  const Name& name = names_[id];
  length = std::min<size_t>(length, kChunkSize - offset % kChunkSize);
  length = static_cast<size_t>(std::min<uint64_t>(length, name.size - std::min(name.size, offset)));
  return Window(At(id, name.generation, offset), length);
}

// An owner of its own for each, as a buffer that was read into has: who counts references must see this one's alone.
Bytes FileTree::Window(const std::byte* begin, size_t length) const {
  std::shared_ptr<std::byte> memory(const_cast<std::byte*>(begin), [](std::byte*) {});  // the block outlives all
  return Buffer(std::move(memory), length).Freeze(length);
}

bool FileTree::IsOfSource(std::span<const std::byte> bytes) const {
  const std::less<const std::byte*> before;
  return !before(bytes.data(), block_.get()) && before(bytes.data(), block_.get() + kBlock);
}

Bytes FileTree::Received(Bytes bytes) const {
  return IsOfSource(bytes.span()) ? Window(bytes.data(), bytes.size()) : std::move(bytes);
}

bool FileTree::IsContent(NameId id, const FileVersion& version, uint64_t offset, const Bytes& bytes) const {
  const std::optional<uint32_t> generation = GenerationOf(id, version);
  if (!generation || offset + bytes.size() > version.size) return false;
  if (bytes.empty()) return true;
  if (offset / kChunkSize != (offset + bytes.size() - 1) / kChunkSize) return false;
  const std::byte* const expected = At(id, *generation, offset);
  return bytes.data() == expected || std::memcmp(bytes.data(), expected, bytes.size()) == 0;
}

}  // namespace copper::simulation

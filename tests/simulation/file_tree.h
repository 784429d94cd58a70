// What lies on the source: names, and bytes that are a function of file, version and place, so that whoever reads any
// of them can tell whether they are right.
//
// All bytes are windows into one block of random ones: a file of a gigabyte costs no memory, and checking what has come
// through the product unchanged (it shares memory, it does not copy) is the comparison of two addresses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/names/attributes.h"
#include "copper/names/listing_builder.h"

namespace copper::simulation {

using NameId = uint32_t;
inline constexpr NameId kRoot = 0;

enum class NameKind : uint8_t { kDirectory, kFile, kLibrary, kAbsent };

class FileTree {
 public:
  FileTree();
  FileTree(FileTree&&) = default;
  FileTree& operator=(FileTree&&) = default;

  // The name is not there yet. What is absent has an id, too: the workload asks for it.
  NameId Add(NameId parent, std::string_view name, NameKind kind, uint64_t size = 0);
  // Another file of this name: new inode and times, other bytes.
  void Replace(NameId id);

  size_t size() const { return names_.size(); }
  std::optional<NameId> Find(std::string_view path) const;
  const std::string& PathOf(NameId id) const { return *names_[id].path; }
  NameId ParentOf(NameId id) const { return names_[id].parent; }
  NameKind KindOf(NameId id) const { return names_[id].kind; }
  uint64_t SizeOf(NameId id) const { return names_[id].size; }
  bool IsDirectory(NameId id) const { return KindOf(id) == NameKind::kDirectory; }
  // Whether reads of it may fail: it was replaced, or the source was told to err there.
  bool MayErr(NameId id) const { return names_[id].errs || names_[id].generation > 0; }
  void NoteErrs(NameId id) { names_[id].errs = true; }
  const std::vector<NameId>& ChildrenOf(NameId id) const { return names_[id].children; }
  const std::vector<NameId>& files() const { return files_; }

  Attributes AttributesOf(NameId id) const;
  Status FillListing(NameId id, bool with_attributes, ListingBuilder& builder) const;
  // Of one chunk at most; of what the file is now.
  Bytes Content(NameId id, uint64_t offset, size_t length) const;
  // The same bytes as another owner has them who has received them: what lies on the source costs no memory there,
  // either, but it is known apart who still uses it.
  Bytes Received(Bytes bytes) const;
  // Whether these bytes lie where those of all files do: they never change.
  bool IsOfSource(std::span<const std::byte> bytes) const;
  // Whether these are the bytes of a file of this version, which it has or had.
  bool IsContent(NameId id, const FileVersion& version, uint64_t offset, const Bytes& bytes) const;
  FileVersion FirstVersionOf(NameId id) const { return VersionOf(id, 0); }
  // Whether a file of this name has, or had, this version.
  bool IsVersion(NameId id, const FileVersion& version) const;

 private:
  struct Name {
    NameId parent;
    NameKind kind;
    bool errs = false;
    uint32_t generation = 0;
    uint64_t size;
    std::string name;
    std::vector<NameId> children{};
    const std::string* path = nullptr;  // in by_path_
  };

  FileVersion VersionOf(NameId id, uint32_t generation) const;
  std::optional<uint32_t> GenerationOf(NameId id, const FileVersion& version) const;
  Bytes Window(const std::byte* begin, size_t length) const;
  const std::byte* At(NameId id, uint32_t generation, uint64_t offset) const;

  std::vector<Name> names_;
  std::vector<NameId> files_;
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
  };
  std::unordered_map<std::string, NameId, PathHash, std::equal_to<>> by_path_;
  std::shared_ptr<std::byte> block_;
};

}  // namespace copper::simulation

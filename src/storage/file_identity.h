// What identifies a file, from what stat(2) says of it and of which file system it lies on.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string_view>

#include "copper/names/attributes.h"
#include "copper/storage/file_systems.h"

namespace copper::storage {

// The inode number of a file whose file system keeps none.
uint64_t PathNumber(std::string_view path);

// Of an inode number as the file system has it.
uint64_t InodeOf(const Numbering& numbering, std::string_view path, uint64_t inode);

// From attributes as they came from `device`: their inode and file system become what all ranks know them by.
void Identify(const Numbering& numbering, std::string_view path, uint64_t device, Attributes& attributes);

// Whether this is the version that a root has fixed. The root has said whether the inode number is part of it; where
// this node's file system doesn't keep it, it is not.
bool IsOfVersion(const Numbering& numbering, std::string_view path, const struct stat& found,
                 const FileVersion& version);

}  // namespace copper::storage

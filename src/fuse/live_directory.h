// `.copper` at the root of the mount: found by name, hidden from listings. Its files are made anew at each lookup.
#pragma once

#include <optional>
#include <string_view>

#include "copper/fuse/server.h"
#include "node.h"

namespace copper::fuse {

class LiveDirectory {
 public:
  static constexpr std::string_view kName = ".copper";
  static constexpr std::string_view kControlName = "control";

  explicit LiveDirectory(LiveFiles files) : files_(std::move(files)) {}

  struct Made {
    Node::Identity identity;
    Node::Known known;
  };
  // Of the directory itself (`name` is kName, at the root) and of what is in it; nullopt: no such name.
  Made MakeDirectory() const;
  std::optional<Made> MakeFile(std::string_view name) const;
  ListingPtr List() const;

 private:
  const LiveFiles files_;
};

}  // namespace copper::fuse

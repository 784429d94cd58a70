// The hash of what lies on the source, computed once for all ranks: whoever seals or checks a chunk asks for that of
// the same bytes (FileTree), which never change.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "copper/wire/universal_hash.h"
#include "simulation/file_tree.h"

namespace copper::simulation {

class SourceHasher final : public wire::UniversalHasher {
 public:
  explicit SourceHasher(const FileTree& tree) : tree_(tree) {}

  wire::UniversalHash Hash(std::span<const std::byte> bytes, const wire::HashKey& key) const override;

 private:
  using Asked = std::tuple<const std::byte*, size_t, wire::HashKey>;

  const FileTree& tree_;
  const std::shared_ptr<const UniversalHasher> real_ = wire::MakePoly1305();
  mutable std::map<Asked, wire::UniversalHash> known_;  // one thread
};

}  // namespace copper::simulation

#include "simulation/hasher.h"

namespace copper::simulation {

wire::UniversalHash SourceHasher::Hash(std::span<const std::byte> bytes, const wire::HashKey& key) const {
  if (!tree_.IsOfSource(bytes)) return real_->Hash(bytes, key);
  const auto [known, is_new] = known_.try_emplace({bytes.data(), bytes.size(), key});
  if (is_new) known->second = real_->Hash(bytes, key);
  return known->second;
}

}  // namespace copper::simulation

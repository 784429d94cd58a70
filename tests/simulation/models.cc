#include "simulation/models.h"

namespace copper::simulation {

std::optional<FabricModel> FabricNamed(std::string_view name) {
  for (const FabricModel& model : {kSlingshotFabric, kTcpFabric}) {
    if (model.name == name) return model;
  }
  return std::nullopt;
}

std::optional<SourceModel> SourceNamed(std::string_view name) {
  for (const SourceModel& model : {kLustreSource, kSlowSource, kMemorySource}) {
    if (model.name == name) return model;
  }
  return std::nullopt;
}

}  // namespace copper::simulation

// The one place that names the JSON library (nlohmann/json).
#pragma once

#include <nlohmann/json.hpp>

#include "copper/base/result.h"

namespace copper {

using Json = nlohmann::ordered_json;

// EINVAL where the text is not JSON.
Result<Json> ParseJson(std::string_view text);
// A member of an object that is a string; empty where there is none.
std::string TextOf(const Json& json, const char* name);

}  // namespace copper

#include "copper/base/json.h"

namespace copper {

Result<Json> ParseJson(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return Fail(EINVAL, "not JSON");
  return parsed;
}

}  // namespace copper

#include "copper/base/ids.h"

#include <sys/random.h>
#include <unistd.h>

#include "copper/base/secret.h"

namespace copper {
namespace {

Status FillRandom(void* data, size_t size) {
  // Up to 256 bytes come whole once the kernel's pool is ready (getrandom(2)).
  if (getrandom(data, size, 0) != static_cast<ssize_t>(size))
    return FailErrno("cannot get random bytes from the kernel");
  return {};
}

}  // namespace

JobKey::~JobKey() {
  Wipe(data(), size());
}

Result<JobIdentity> JobIdentity::Random() {
  JobIdentity identity;
  if (const Status filled = FillRandom(identity.id.data(), identity.id.size()); !filled) {
    return std::unexpected(filled.error());
  }
  if (const Status filled = FillRandom(identity.key.data(), identity.key.size()); !filled) {
    return std::unexpected(filled.error());
  }
  return identity;
}

std::string ToHex(const JobId& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : id) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::string Namespace(const std::string& kind) {
  char name[64] = {};
  return readlink(("/proc/self/ns/" + kind).c_str(), name, sizeof name - 1) < 0 ? "" : name;
}

std::string ShortHost() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "unknown";
  const std::string host = name;
  return host.substr(0, host.find('.'));
}

}  // namespace copper

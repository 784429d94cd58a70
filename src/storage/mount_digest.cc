#include "storage/mount_digest.h"

#include <algorithm>
#include <iterator>

#include "copper/base/hash.h"

namespace copper::storage {
namespace {

constexpr size_t kDigestSize = sizeof(uint64_t);

void Append(std::string& message, uint64_t digest) {
  for (size_t i = 0; i < kDigestSize; ++i) message += static_cast<char>(digest >> (8 * i) & 0xff);
}

std::vector<uint64_t> Decode(std::string_view message) {
  std::vector<uint64_t> digests;
  for (; message.size() >= kDigestSize; message.remove_prefix(kDigestSize)) {
    uint64_t digest = 0;
    for (size_t i = 0; i < kDigestSize; ++i) digest |= uint64_t{static_cast<unsigned char>(message[i])} << (8 * i);
    if (digest != 0) digests.push_back(digest);
  }
  std::ranges::sort(digests);
  return digests;
}

// Strings in a row, each with its end, so that ("a", "bc") and ("ab", "c") differ.
uint64_t HashAll(std::initializer_list<std::string_view> texts) {
  std::string joined;
  for (const std::string_view text : texts) joined.append(text).push_back('\0');
  return Hash(joined);
}

}  // namespace

uint64_t NetworkDigest(const Mount& mount) {
  return IsNetworkType(mount.type) ? HashAll({"network", mount.point, mount.type, mount.source, mount.root}) : 0;
}

uint64_t MachineDigest(const Mount& mount, std::string_view boot_id) {
  return HashAll({"machine", mount.point, boot_id, std::to_string(mount.device), mount.root});
}

std::string EncodeMountDigest(std::span<const Mount> mounts, std::string_view boot_id) {
  std::string message;
  for (const Mount& mount : mounts) {
    if (IsPseudoType(mount.type) || mount.type == kCopperType) continue;
    Append(message, NetworkDigest(mount));
    Append(message, MachineDigest(mount, boot_id));
  }
  return message;
}

std::vector<uint64_t> CommonDigests(std::span<const std::string> digests) {
  std::vector<uint64_t> common = digests.empty() ? std::vector<uint64_t>{} : Decode(digests.front());
  for (const std::string& message : digests.subspan(std::min<size_t>(1, digests.size()))) {
    const std::vector<uint64_t> other = Decode(message);
    std::vector<uint64_t> both;
    std::ranges::set_intersection(common, other, std::back_inserter(both));
    common.swap(both);
  }
  return common;
}

}  // namespace copper::storage

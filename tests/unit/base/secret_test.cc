#include "copper/base/secret.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

namespace copper {
namespace {

using Key = std::array<unsigned char, 32>;

// The flags of the mapping that holds this address, as in /proc/self/smaps.
std::string FlagsAt(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<uintptr_t>(address);
  bool is_here = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) is_here = begin <= at && at < end;
    if (is_here && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

TEST(SecretTest, IsLeftOutOfCoreFilesAndSharedByCopies) {
  const Secret<Key> key([](Key& value) { value.fill(7); });
  const Secret<Key> copy = key;
  EXPECT_EQ(&*copy, &*key);
  EXPECT_EQ((*key)[31], 7);
  EXPECT_NE(FlagsAt(&*key).find(" dd"), std::string::npos) << FlagsAt(&*key);
}

}  // namespace
}  // namespace copper

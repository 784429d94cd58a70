#include "copper/fetch/cache_use.h"

#include <gtest/gtest.h>

namespace copper::fetch {
namespace {

using profile::Table;
using profile::TableUse;

const TableUse& Of(Table table, const profile::CacheUse& use) {
  return use.tables[static_cast<size_t>(table)];
}

TEST(CacheUse, TellsHowFullTheTablesAre) {
  cache::Cache cache(1 << 20);
  cache.metadata().Put({"/x"}, {}, 100);
  const profile::CacheUse use = CacheUseOf(cache);
  EXPECT_EQ(Of(Table::kMetadata, use).entries, 1U);
  EXPECT_GE(Of(Table::kMetadata, use).bytes, 100U);
  EXPECT_EQ(Of(Table::kTree, use).entries, 0U);
  EXPECT_EQ(Of(Table::kData, use).bytes, 0U);
  EXPECT_EQ(use.budget_bytes, uint64_t{1} << 20);
  EXPECT_EQ(use.held_bytes, Of(Table::kMetadata, use).bytes);
  EXPECT_EQ(use.evictions, 0U);
}

TEST(CacheUse, EachTableCountsItsOwnEvictions) {
  cache::Cache cache(1 << 20);
  for (int i = 0; i < 30; ++i) cache.listings().Put({"/d" + std::to_string(i)}, {}, 100'000);
  cache.metadata().Put({"/a"}, {}, 100);
  const profile::CacheUse use = CacheUseOf(cache);
  EXPECT_GE(Of(Table::kTree, use).evictions, 19U);
  EXPECT_EQ(Of(Table::kTree, use).evictions, use.evictions);
  EXPECT_EQ(Of(Table::kMetadata, use).evictions, 0U);
}

}  // namespace
}  // namespace copper::fetch

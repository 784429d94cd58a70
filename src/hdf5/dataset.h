// Datasets: chunked, compressed, with a checksum of each chunk; described by attributes. Reading believes no size
// before the file has been seen to hold so much.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hdf5/handle.h"
#include "hdf5/schema.h"

namespace copper::hdf5 {

hid_t TypeOf(uint8_t);
hid_t TypeOf(uint32_t);
hid_t TypeOf(int64_t);
hid_t TypeOf(uint64_t);
Handle KindType();               // the enumeration of PathKind
Handle TextType(size_t length);  // of so many bytes, and a 0 behind them

void WriteAttribute(hid_t object, const char* name, std::string_view text);
void WriteAttribute(hid_t object, const char* name, uint32_t value);
void WriteAttribute(hid_t object, const char* name, const std::vector<std::string>& texts);

using Extent = std::vector<hsize_t>;  // of each dimension, the slowest first

// In the order of rows; `chunk`, of the slowest dimension, is cut to the extent.
Handle MakeDataset(hid_t file, const schema::Item& item, hid_t type, const Extent& extent, hsize_t chunk);
void WriteRows(hid_t dataset, hid_t memory_type, hsize_t first, hsize_t count, const void* rows);

// Checks that it has `dimensions` of them, and that the extent is no lie.
Handle OpenDataset(hid_t file, const schema::Item& item, Extent& extent, size_t dimensions);
void ReadRows(hid_t dataset, hid_t memory_type, hsize_t first, hsize_t count, void* rows);

}  // namespace copper::hdf5

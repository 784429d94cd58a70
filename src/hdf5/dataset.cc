#include "hdf5/dataset.h"

#include <algorithm>
#include <cstring>

namespace copper::hdf5 {
namespace {

constexpr unsigned kCompression = 4;              // zlib's levels: a higher one takes longer for little
constexpr hsize_t kMaxDeflate = 1032;             // zlib makes nothing smaller than by this
constexpr hsize_t kMaxChunk = hsize_t{64} << 20;  // bytes; a reader has to take memory for one

Handle Space(const Extent& extent) {
  return Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose, "make a space");
}

Handle Storage(hid_t type, const Extent& extent, hsize_t chunk) {
  Handle storage(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make properties");
  Extent chunks = extent;
  chunks[0] = std::min(chunks[0], chunk);
  for (hsize_t& length : chunks) length = std::max<hsize_t>(length, 1);
  Check(H5Pset_chunk(storage.get(), static_cast<int>(chunks.size()), chunks.data()), "set chunks");
  if (H5Tget_size(type) > 1)
    Check(H5Pset_shuffle(storage.get()), "set shuffle");  // single bytes would stay as they are
  Check(H5Pset_deflate(storage.get(), kCompression), "set deflate");
  Check(H5Pset_fletcher32(storage.get()), "set fletcher32");
  Check(H5Pset_obj_track_times(storage.get(), false), "leave out times");
  return storage;
}

void Put(hid_t object, const char* name, hid_t type, hid_t space, const void* value) {
  const Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
  Check(H5Awrite(attribute.get(), type, value), name);
}

Handle Scalar() {
  return Handle(H5Screate(H5S_SCALAR), H5Sclose, "make a space");
}

// The rows [first, first + count) of all columns, in the file.
Handle Selection(hid_t dataset, hsize_t first, hsize_t count, Extent& extent) {
  Handle space(H5Dget_space(dataset), H5Sclose, "find the extent");
  extent.resize(static_cast<size_t>(Check(H5Sget_simple_extent_ndims(space.get()), "find the extent")));
  Check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), "find the extent");
  Extent start(extent.size(), 0);
  start[0] = first;
  extent[0] = count;
  Check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr), "select rows");
  return space;
}

// Whether what is stored can be unpacked to so much, and a chunk to what can be held.
void CheckSizes(hid_t dataset, const Extent& extent, const char* name) {
  const Handle type(H5Dget_type(dataset), H5Tclose, name);
  const Handle storage(H5Dget_create_plist(dataset), H5Pclose, name);
  Extent chunks(extent.size(), 0);
  if (H5Pget_layout(storage.get()) != H5D_CHUNKED ||
      H5Pget_chunk(storage.get(), static_cast<int>(chunks.size()), chunks.data()) != static_cast<int>(chunks.size())) {
    throw Hdf5Failure(std::string(name) + " is not stored in chunks");
  }
  const auto bytes = [&type](const Extent& lengths) {
    auto product = static_cast<long double>(H5Tget_size(type.get()));
    for (const hsize_t length : lengths) product *= static_cast<long double>(length);
    return product;
  };
  const long double stored = static_cast<long double>(H5Dget_storage_size(dataset));
  if (bytes(extent) > stored * kMaxDeflate || bytes(chunks) > kMaxChunk) {
    throw Hdf5Failure(std::string(name) + " claims to be larger than it is");
  }
}

}  // namespace

hid_t TypeOf(uint8_t /*unused*/) {
  return H5T_NATIVE_UINT8;
}
hid_t TypeOf(uint32_t /*unused*/) {
  return H5T_NATIVE_UINT32;
}
hid_t TypeOf(int64_t /*unused*/) {
  return H5T_NATIVE_INT64;
}
hid_t TypeOf(uint64_t /*unused*/) {
  return H5T_NATIVE_UINT64;
}

Handle KindType() {
  Handle type(H5Tenum_create(H5T_NATIVE_UINT8), H5Tclose, "make the type of kinds");
  for (uint8_t value = 0; value < static_cast<uint8_t>(PathKind::kCount); ++value) {
    const std::string name(Name(static_cast<PathKind>(value)));
    Check(H5Tenum_insert(type.get(), name.c_str(), &value), "make the type of kinds");
  }
  return type;
}

Handle TextType(size_t length) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  Check(H5Tset_size(type.get(), length + 1), "make a text type");
  return type;
}

void WriteAttribute(hid_t object, const char* name, std::string_view text) {
  Put(object, name, TextType(text.size()).get(), Scalar().get(), std::string(text).c_str());
}

void WriteAttribute(hid_t object, const char* name, uint32_t value) {
  Put(object, name, H5T_NATIVE_UINT32, Scalar().get(), &value);
}

void WriteAttribute(hid_t object, const char* name, const std::vector<std::string>& texts) {
  size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  std::string padded((longest + 1) * texts.size(), '\0');
  for (size_t i = 0; i < texts.size(); ++i) texts[i].copy(padded.data() + i * (longest + 1), longest);
  Put(object, name, TextType(longest).get(), Space({texts.size()}).get(), padded.data());
}

Handle MakeDataset(hid_t file, const schema::Item& item, hid_t type, const Extent& extent, hsize_t chunk) {
  const Handle space = Space(extent);
  const Handle storage = Storage(type, extent, chunk);
  Handle dataset(H5Dcreate2(file, item.name, type, space.get(), H5P_DEFAULT, storage.get(), H5P_DEFAULT), H5Dclose,
                 item.name);
  WriteAttribute(dataset.get(), "description", item.meaning);
  if (*item.unit != 0) WriteAttribute(dataset.get(), "unit", item.unit);
  return dataset;
}

void WriteRows(hid_t dataset, hid_t memory_type, hsize_t first, hsize_t count, const void* rows) {
  if (count == 0) return;
  Extent extent;
  const Handle selected = Selection(dataset, first, count, extent);
  const Handle memory = Space(extent);
  Check(H5Dwrite(dataset, memory_type, memory.get(), selected.get(), H5P_DEFAULT, rows), "write rows");
}

Handle OpenDataset(hid_t file, const schema::Item& item, Extent& extent, size_t dimensions) {
  Handle dataset(H5Dopen2(file, item.name, H5P_DEFAULT), H5Dclose, item.name);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose, item.name);
  extent.assign(dimensions, 0);
  if (H5Sget_simple_extent_ndims(space.get()) != static_cast<int>(dimensions)) {
    throw Hdf5Failure(std::string(item.name) + " has another shape");
  }
  Check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), item.name);
  CheckSizes(dataset.get(), extent, item.name);
  return dataset;
}

void ReadRows(hid_t dataset, hid_t memory_type, hsize_t first, hsize_t count, void* rows) {
  if (count == 0) return;
  Extent extent;
  const Handle selected = Selection(dataset, first, count, extent);
  const Handle memory = Space(extent);
  Check(H5Dread(dataset, memory_type, memory.get(), selected.get(), H5P_DEFAULT, rows), "read rows");
}

}  // namespace copper::hdf5

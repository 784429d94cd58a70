#include "hdf5/path_columns.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "hdf5/dataset.h"

namespace copper::hdf5 {
namespace {

constexpr hsize_t kBlockRows = 65536;
constexpr hsize_t kBlockBytes = hsize_t{1} << 20;

// Of a column of PathUse.
Handle ColumnType(const PathKind& /*unused*/) {
  return KindType();
}
Handle ColumnType(uint64_t value) {
  return Handle(H5Tcopy(TypeOf(value)), H5Tclose, "make a type");
}

std::string ColumnName(const schema::Item& item) {
  return std::string(schema::kPathsGroup) + "/" + item.name;
}

// A one-dimensional dataset, written in order, a chunk at a time.
class ColumnWriter {
 public:
  ColumnWriter(hid_t file, const schema::Item& item, Handle type, hsize_t length, hsize_t chunk)
      : type_(std::move(type)),
        size_(H5Tget_size(type_.get())),
        chunk_(chunk),
        dataset_(MakeDataset(file, item, type_.get(), {length}, chunk)) {}

  void Append(const void* values, size_t bytes) {
    waiting_.append(static_cast<const char*>(values), bytes);
    if (waiting_.size() >= chunk_ * size_) Flush(waiting_.size() / size_ / chunk_ * chunk_);
  }
  void Finish() { Flush(waiting_.size() / size_); }

 private:
  void Flush(hsize_t count) {
    WriteRows(dataset_.get(), type_.get(), first_, count, waiting_.data());
    first_ += count;
    waiting_.erase(0, count * size_);
  }

  Handle type_;
  size_t size_;
  hsize_t chunk_;
  Handle dataset_;
  hsize_t first_ = 0;
  std::string waiting_;
};

std::vector<ColumnWriter> MakeColumns(hid_t file, hsize_t rows) {
  std::vector<ColumnWriter> columns;
  PathUse none;
  schema::Columns(none, [&](const schema::Item& item, const auto& value) {
    const std::string name = ColumnName(item);
    columns.emplace_back(file, schema::Item{name.c_str(), item.unit, item.meaning}, ColumnType(value), rows,
                         kBlockRows);
  });
  return columns;
}

class PathsWriter {
 public:
  PathsWriter(hid_t file, hsize_t rows, hsize_t bytes)
      : group_(H5Gcreate2(file, schema::kPathsGroup, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "make a group"),
        bytes_(file, schema::kPathBytes, Handle(H5Tcopy(H5T_NATIVE_UINT8), H5Tclose, "make a type"), bytes,
               kBlockBytes),
        offset_(file, schema::kPathOffset, ColumnType(end_), rows + 1, kBlockRows),
        columns_(MakeColumns(file, rows)) {}

  void Append(std::string_view path, PathUse use) {
    offset_.Append(&end_, sizeof end_);
    end_ += path.size();
    bytes_.Append(path.data(), path.size());
    auto column = columns_.begin();
    schema::Columns(use, [&](const schema::Item&, const auto& value) { (column++)->Append(&value, sizeof value); });
  }
  void Finish() {
    offset_.Append(&end_, sizeof end_);
    offset_.Finish();
    bytes_.Finish();
    for (ColumnWriter& column : columns_) column.Finish();
  }

 private:
  uint64_t end_ = 0;  // of the last path
  Handle group_;
  ColumnWriter bytes_;
  ColumnWriter offset_;
  std::vector<ColumnWriter> columns_;
};

// A one-dimensional dataset, read in order.
class ColumnReader {
 public:
  ColumnReader(hid_t file, const schema::Item& item, Handle type)
      : type_(std::move(type)), dataset_(OpenDataset(file, item, extent_, 1)) {
    const Handle found(H5Dget_type(dataset_.get()), H5Tclose, item.name);
    if (H5Tget_class(found.get()) != H5Tget_class(type_.get())) {
      throw Hdf5Failure(std::string(item.name) + " has another type");
    }
  }
  hsize_t length() const { return extent_[0]; }
  void Read(hsize_t first, hsize_t count, std::vector<char>& values) {
    values.resize(count * H5Tget_size(type_.get()));
    ReadRows(dataset_.get(), type_.get(), first, count, values.data());
  }

 private:
  Extent extent_;
  Handle type_;
  Handle dataset_;
};

// The bytes of the paths, of which a window is in memory.
class BytesReader {
 public:
  explicit BytesReader(hid_t file)
      : bytes_(file, schema::kPathBytes, Handle(H5Tcopy(H5T_NATIVE_UINT8), H5Tclose, "make a type")) {}

  // In ascending order.
  std::string_view Get(uint64_t begin, uint64_t end) {
    if (begin > end || end > bytes_.length() || end - begin > PathRun::kMaxPath) throw Hdf5Failure("a path has no end");
    if (begin < begin_ || end > begin_ + window_.size()) {
      bytes_.Read(begin, std::min(kBlockBytes, bytes_.length() - begin), window_);
      begin_ = begin;
    }
    return {window_.data() + (begin - begin_), end - begin};
  }

 private:
  static_assert(kBlockBytes >= PathRun::kMaxPath);
  ColumnReader bytes_;
  uint64_t begin_ = 0;  // of the window
  std::vector<char> window_;
};

// The columns of PathUse, of which a block is in memory.
class UsesReader {
 public:
  UsesReader(hid_t file, hsize_t rows) {
    PathUse none;
    schema::Columns(none, [&](const schema::Item& item, const auto& value) {
      const std::string name = ColumnName(item);
      columns_.emplace_back(file, schema::Item{name.c_str(), item.unit, item.meaning}, ColumnType(value));
      if (columns_.back().length() != rows) throw Hdf5Failure(name + " has not a row for each path");
    });
    blocks_.resize(columns_.size());
  }
  void Read(hsize_t first, hsize_t count) {
    for (size_t i = 0; i < columns_.size(); ++i) columns_[i].Read(first, count, blocks_[i]);
  }
  PathUse Get(hsize_t row) const {
    PathUse use;
    auto block = blocks_.begin();
    schema::Columns(use, [&](const schema::Item&, auto& value) {
      std::memcpy(&value, (block++)->data() + row * sizeof value, sizeof value);
    });
    if (use.kind >= PathKind::kCount) throw Hdf5Failure("a path is of a kind that is none");
    return use;
  }

 private:
  std::vector<ColumnReader> columns_;
  std::vector<std::vector<char>> blocks_;
};

uint64_t OffsetAt(const std::vector<char>& offsets, hsize_t row) {
  uint64_t offset = 0;
  std::memcpy(&offset, offsets.data() + row * sizeof offset, sizeof offset);
  return offset;
}

}  // namespace

void WritePaths(hid_t file, const PathRun& paths) {
  hsize_t rows = 0;
  hsize_t bytes = 0;
  paths.ForEach([&](std::string_view path, const PathUse&) { ++rows, bytes += path.size(); });
  PathsWriter writer(file, rows, bytes);
  paths.ForEach([&](std::string_view path, const PathUse& use) { writer.Append(path, use); });
  writer.Finish();
}

PathRun ReadPaths(hid_t file) {
  ColumnReader offset(file, schema::kPathOffset, ColumnType(uint64_t{0}));
  if (offset.length() == 0) throw Hdf5Failure("the last path has no end");
  const hsize_t rows = offset.length() - 1;
  BytesReader bytes(file);
  UsesReader uses(file, rows);
  PathRun paths;
  std::vector<char> offsets;
  for (hsize_t first = 0; first < rows; first += kBlockRows) {
    const hsize_t count = std::min(kBlockRows, rows - first);
    offset.Read(first, count + 1, offsets);
    uses.Read(first, count);
    for (hsize_t row = 0; row < count; ++row) {
      paths.Append(bytes.Get(OffsetAt(offsets, row), OffsetAt(offsets, row + 1)), uses.Get(row));
    }
  }
  if (paths.rows() != rows) throw Hdf5Failure("the paths are not in order");
  return paths;
}

}  // namespace copper::hdf5

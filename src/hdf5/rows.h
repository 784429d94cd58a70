// Tables: datasets of compounds, whose columns schema.h lists. They are written and read some rows at a time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstring>
#include <string>
#include <vector>

#include "hdf5/dataset.h"

namespace copper::hdf5 {

// Where each column lies in a packed row.
class RowLayout {
 public:
  struct Cell {
    schema::Item item;
    Handle type;
    size_t size;
    size_t offset;
  };

  void Add(const schema::Item& item, Handle type);
  // In a file: the column of this name; a text is as long as it is there, and anything else an integer.
  void AddFrom(hid_t file_type, const schema::Item& item, Handle type, bool text);

  const std::vector<Cell>& cells() const { return cells_; }
  size_t row_size() const { return row_size_; }
  // How many rows are written or read at once.
  hsize_t BlockRows() const { return std::max<hsize_t>(1, kBlock / std::max<size_t>(1, row_size_)); }
  Handle Type() const;
  void Describe(hid_t dataset) const;  // attributes with the columns' units and meanings

 private:
  static constexpr size_t kBlock = size_t{1} << 20;
  std::vector<Cell> cells_;
  size_t row_size_ = 0;
};

// Visitors of schema::Columns.

// Of the longest text of each text column; 0 for others.
struct LongestTexts {
  std::vector<size_t>& lengths;
  size_t column = 0;
  void operator()(const schema::Item&, const auto& value) {
    if (lengths.size() <= column) lengths.push_back(0);
    if constexpr (requires { value.size(); }) lengths[column] = std::max(lengths[column], value.size());
    ++column;
  }
};

struct MakeLayout {
  RowLayout& layout;
  const std::vector<size_t>& lengths;
  size_t column = 0;
  void operator()(const schema::Item& item, const std::string&) { layout.Add(item, TextType(lengths[column++])); }
  void operator()(const schema::Item& item, const PathKind&) { layout.Add(item, KindType()), ++column; }
  void operator()(const schema::Item& item, const std::integral auto& value) {
    layout.Add(item, Handle(H5Tcopy(TypeOf(value)), H5Tclose, item.name)), ++column;
  }
};

struct FindLayout {
  RowLayout& layout;
  hid_t file_type;
  void operator()(const schema::Item& item, const std::string&) { layout.AddFrom(file_type, item, TextType(1), true); }
  void operator()(const schema::Item& item, const PathKind&) { layout.AddFrom(file_type, item, KindType(), false); }
  void operator()(const schema::Item& item, const std::integral auto& value) {
    layout.AddFrom(file_type, item, Handle(H5Tcopy(TypeOf(value)), H5Tclose, item.name), false);
  }
};

struct Pack {
  const RowLayout& layout;
  char* row;
  size_t column = 0;
  void operator()(const schema::Item&, const auto& value) {
    const RowLayout::Cell& cell = layout.cells()[column++];
    if constexpr (requires { value.size(); }) {
      value.copy(row + cell.offset, cell.size);  // the rest is zero
    } else {
      std::memcpy(row + cell.offset, &value, sizeof value);
    }
  }
};

// Kinds are checked; texts end before the zeros that fill them up.
struct Unpack {
  const RowLayout& layout;
  const char* row;
  size_t column = 0;
  void operator()(const schema::Item&, std::string& value) {
    const RowLayout::Cell& cell = layout.cells()[column++];
    value.assign(row + cell.offset, cell.size);
    value.resize(value.find_last_not_of('\0') + 1);
  }
  void operator()(const schema::Item& item, auto& value) {
    std::memcpy(&value, row + layout.cells()[column++].offset, sizeof value);
    if constexpr (std::same_as<decltype(value), PathKind&>) {
      if (value >= PathKind::kCount) throw Hdf5Failure(std::string(item.name) + " is none that there is");
    }
  }
};

template <class Row>
void WriteTable(hid_t file, const schema::Item& item, std::vector<Row>& rows) {
  std::vector<size_t> lengths;
  Row none;
  schema::Columns(none, LongestTexts{lengths});
  for (Row& row : rows) schema::Columns(row, LongestTexts{lengths});
  RowLayout layout;
  schema::Columns(none, MakeLayout{layout, lengths});
  const Handle type = layout.Type();
  const Handle dataset = MakeDataset(file, item, type.get(), {rows.size()}, layout.BlockRows());
  layout.Describe(dataset.get());
  for (hsize_t first = 0; first < rows.size(); first += layout.BlockRows()) {
    const hsize_t count = std::min<hsize_t>(layout.BlockRows(), rows.size() - first);
    std::vector<char> block(count * layout.row_size());
    for (hsize_t i = 0; i < count; ++i)
      schema::Columns(rows[first + i], Pack{layout, block.data() + i * layout.row_size()});
    WriteRows(dataset.get(), type.get(), first, count, block.data());
  }
}

template <class Row>
std::vector<Row> ReadTable(hid_t file, const schema::Item& item) {
  Extent extent;
  const Handle dataset = OpenDataset(file, item, extent, 1);
  const Handle file_type(H5Dget_type(dataset.get()), H5Tclose, item.name);
  RowLayout layout;
  Row none;
  schema::Columns(none, FindLayout{layout, file_type.get()});
  const Handle type = layout.Type();
  std::vector<Row> rows;
  for (hsize_t first = 0; first < extent[0]; first += layout.BlockRows()) {
    const hsize_t count = std::min<hsize_t>(layout.BlockRows(), extent[0] - first);
    std::vector<char> block(count * layout.row_size());
    ReadRows(dataset.get(), type.get(), first, count, block.data());
    for (hsize_t i = 0; i < count; ++i) {
      schema::Columns(rows.emplace_back(), Unpack{layout, block.data() + i * layout.row_size()});
    }
  }
  return rows;
}

}  // namespace copper::hdf5

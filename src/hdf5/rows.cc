#include "hdf5/rows.h"

namespace copper::hdf5 {

void RowLayout::Add(const schema::Item& item, Handle type) {
  const size_t size = H5Tget_size(type.get());
  cells_.push_back({item, std::move(type), size, row_size_});
  row_size_ += size;
}

void RowLayout::AddFrom(hid_t file_type, const schema::Item& item, Handle type, bool text) {
  const std::string name(item.name);
  if (H5Tget_class(file_type) != H5T_COMPOUND) throw Hdf5Failure("the table of the column " + name + " is none");
  const int index = Check(H5Tget_member_index(file_type, item.name), "find a column");
  const Handle found(H5Tget_member_type(file_type, static_cast<unsigned>(index)), H5Tclose, item.name);
  const H5T_class_t kind = H5Tget_class(found.get());
  if (!text) {
    if (kind != H5Tget_class(type.get())) throw Hdf5Failure("the column " + name + " has another type");
    return Add(item, std::move(type));
  }
  const size_t length = H5Tget_size(found.get());
  if (kind != H5T_STRING || H5Tis_variable_str(found.get()) != 0 || length > PathRun::kMaxPath + 1) {
    throw Hdf5Failure("the column " + name + " is no text of a known length");
  }
  Add(item, TextType(length));
}

Handle RowLayout::Type() const {
  Handle type(H5Tcreate(H5T_COMPOUND, row_size_), H5Tclose, "make the type of a table");
  for (const Cell& cell : cells_) {
    Check(H5Tinsert(type.get(), cell.item.name, cell.offset, cell.type.get()), cell.item.name);
  }
  return type;
}

void RowLayout::Describe(hid_t dataset) const {
  std::vector<std::string> names;
  std::vector<std::string> units;
  std::vector<std::string> meanings;
  for (const Cell& cell : cells_) {
    names.emplace_back(cell.item.name);
    units.emplace_back(cell.item.unit);
    meanings.emplace_back(cell.item.meaning);
  }
  WriteAttribute(dataset, "columns", names);
  WriteAttribute(dataset, "column_units", units);
  WriteAttribute(dataset, "column_descriptions", meanings);
}

}  // namespace copper::hdf5

#include "counters.h"

#include <algorithm>
#include <fstream>

namespace copper::source_fs {
namespace {

using PerOperation = std::array<uint64_t, kOperationNames.size()>;

std::string ObjectOf(const PerOperation& numbers) {
  std::string text = "{";
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) text += ", ";
    text += '"' + std::string(kOperationNames[i]) + "\": " + std::to_string(numbers[i]);
  }
  return text + "}";
}

}  // namespace

void Counters::Count(Operation operation, const std::string& path, uint64_t piece) {
  const std::lock_guard lock(mutex_);
  ++times_[{operation, path, piece}];
}

void Counters::CountBytes(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes_read_ += bytes;
}

void Counters::Enter() {
  const std::lock_guard lock(mutex_);
  most_at_once_ = std::max(most_at_once_, ++at_once_);
}

void Counters::Leave() {
  const std::lock_guard lock(mutex_);
  --at_once_;
}

void Counters::Reset() {
  const std::lock_guard lock(mutex_);
  times_.clear();
  bytes_read_ = 0;
  most_at_once_ = at_once_;
}

std::string Counters::Json(int hanging) const {
  const std::lock_guard lock(mutex_);
  PerOperation operations{}, distinct{};
  for (const auto& [object, times] : times_) {
    const auto index = static_cast<size_t>(std::get<Operation>(object));
    operations[index] += times;
    ++distinct[index];
  }
  return "{\"operations\": " + ObjectOf(operations) + ", \"distinct\": " + ObjectOf(distinct) +
         ", \"bytes_read\": " + std::to_string(bytes_read_) + ", \"most_at_once\": " + std::to_string(most_at_once_) +
         ", \"hanging\": " + std::to_string(hanging) + "}";
}

bool Counters::Dump(const std::string& file) const {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  const std::lock_guard lock(mutex_);
  for (const auto& [object, times] : times_) {
    const auto& [operation, path, piece] = object;
    out << NameOf(operation) << '\t' << times << '\t' << piece << '\t' << path << '\n';
  }
  return static_cast<bool>(out.flush());
}

}  // namespace copper::source_fs

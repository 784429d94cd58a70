// A key in memory: on a page of its own, which no core file shows, and wiped when it is given back.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace copper {

// `size` zero bytes, at most a page, that are left out of core files (MADV_DONTDUMP). Throws std::bad_alloc.
std::shared_ptr<void> AllocateSecret(size_t size);
// In a way that the compiler does not leave out.
void Wipe(void* data, size_t size);

// Immutable after construction; any thread. Copies share the memory.
template <class T>
class Secret {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `fill(T&)` writes it where it stays, so that there is no copy to forget.
  template <class Fill>
  explicit Secret(Fill fill) {
    std::shared_ptr<void> memory = AllocateSecret(sizeof(T));
    T* const value = new (memory.get()) T{};
    fill(*value);
    value_ = std::shared_ptr<const T>(std::move(memory), value);
  }

  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace copper

#include "copper/base/chunk_allocator.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <new>
#include <vector>

#include "copper/base/chunk_size.h"
#include "copper/base/mutex.h"

namespace copper {
namespace {

constexpr size_t kHalves = 2;
constexpr size_t kSlabSize = kHalves * kChunkSize;
constexpr size_t kFromSlabs = kChunkSize / 4 * 3;
constexpr size_t kSpareSlabs = 4;

// Aligned to its own size, as huge pages must be: maps twice as much and gives the ends back.
std::byte* MapSlab() {
  void* const mapped = mmap(nullptr, 2 * kSlabSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const size_t before = (kSlabSize - reinterpret_cast<uintptr_t>(begin) % kSlabSize) % kSlabSize;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + kSlabSize, kSlabSize - before);
  return begin + before;
}

struct Slab {
  std::byte* memory = nullptr;
  std::array<bool, kHalves> used{};
};

}  // namespace

struct ChunkAllocator::Slabs {
  Mutex mutex;                                                 // leaf
  std::vector<Slab*> half_used GUARDED_BY(mutex);              // one half free, one held
  std::vector<std::unique_ptr<Slab>> spare GUARDED_BY(mutex);  // both halves free

  ~Slabs() {
    for (const auto& slab : spare) munmap(slab->memory, kSlabSize);
  }

  struct Half {
    Slab* slab;
    size_t index;
  };

  Half Take() {
    {
      const MutexLock lock(mutex);
      if (!half_used.empty()) {
        Slab* const slab = half_used.back();
        half_used.pop_back();
        const size_t index = slab->used[0] ? 1 : 0;
        slab->used[index] = true;
        return {slab, index};
      }
    }
    std::unique_ptr<Slab> slab = TakeSpare();
    if (!slab) slab = std::make_unique<Slab>(Slab{MapSlab(), {}});
    slab->used[0] = true;
    const MutexLock lock(mutex);
    half_used.push_back(slab.get());
    return {slab.release(), 0};
  }

  std::unique_ptr<Slab> TakeSpare() {
    const MutexLock lock(mutex);
    if (spare.empty()) return nullptr;
    std::unique_ptr<Slab> slab = std::move(spare.back());
    spare.pop_back();
    return slab;
  }

  void Give(const Half& half) {
    {
      const MutexLock lock(mutex);
      half.slab->used[half.index] = false;
      if (half.slab->used[1 - half.index]) {
        half_used.push_back(half.slab);
        return;
      }
      std::erase(half_used, half.slab);
      if (spare.size() < kSpareSlabs) {
        spare.emplace_back(half.slab);
        return;
      }
    }
    munmap(half.slab->memory, kSlabSize);
    delete half.slab;
  }
};

ChunkAllocator::ChunkAllocator() : slabs_(std::make_shared<Slabs>()) {}
ChunkAllocator::~ChunkAllocator() = default;

Buffer ChunkAllocator::Allocate(size_t size) {
  if (size < kFromSlabs || size > kChunkSize) return Buffer::Allocate(size);
  const Slabs::Half half = slabs_->Take();
  std::byte* const memory = half.slab->memory + half.index * kChunkSize;
  return {std::shared_ptr<std::byte>(memory, [slabs = slabs_, half](std::byte*) { slabs->Give(half); }), size};
}

}  // namespace copper

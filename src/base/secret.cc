#include "copper/base/secret.h"

#include <string.h>  // explicit_bzero
#include <sys/mman.h>
#include <unistd.h>

namespace copper {

std::shared_ptr<void> AllocateSecret(size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (size > page) throw std::bad_alloc();
  void* const memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, page, MADV_DONTDUMP);  // a kernel without it dumps the page: nothing depends on it
  return {memory, [page](void* data) {
            Wipe(data, page);
            munmap(data, page);
          }};
}

void Wipe(void* data, size_t size) {
  explicit_bzero(data, size);
}

}  // namespace copper

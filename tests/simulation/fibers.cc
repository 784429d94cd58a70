#include "simulation/fibers.h"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace copper::simulation {
namespace {

// Touched as far as it is used; what fetch does there takes a few KiB.
constexpr size_t kStackSize = size_t{256} << 10;

}  // namespace

class Fibers::Fiber {
 public:
  explicit Fiber(Fibers& owner) : owner_(owner) {
    stack_ = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Fiber() { munmap(stack_, kStackSize); }
  Fiber(const Fiber&) = delete;

 private:
  friend class Fibers;
  Fibers& owner_;
  void* stack_;
  ucontext_t context_{};
  Task work_;
  bool over_ = true;
};

Fibers::Fibers() = default;

Fibers::~Fibers() = default;

// makecontext(3) hands on numbers of the size of an int.
void Fibers::Begin(unsigned low, unsigned high) {
  auto* const fiber = reinterpret_cast<Fiber*>(uintptr_t{high} << 32 | low);
  fiber->work_();
  fiber->work_ = nullptr;
  fiber->over_ = true;
  setcontext(&fiber->owner_.main_);
}

void Fibers::Run(Task work) {
  if (idle_.empty()) {
    all_.push_back(std::make_unique<Fiber>(*this));
    idle_.push_back(all_.back().get());
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  fiber.work_ = std::move(work);
  fiber.over_ = false;
  getcontext(&fiber.context_);
  fiber.context_.uc_stack.ss_sp = fiber.stack_;
  fiber.context_.uc_stack.ss_size = kStackSize;
  fiber.context_.uc_link = nullptr;
  const auto address = reinterpret_cast<uintptr_t>(&fiber);
  makecontext(&fiber.context_, reinterpret_cast<void (*)()>(&Fibers::Begin), 2, static_cast<unsigned>(address),
              static_cast<unsigned>(address >> 32));
  SwitchTo(fiber);
}

void Fibers::SwitchTo(Fiber& fiber) {
  current_ = &fiber;
  swapcontext(&main_, &fiber.context_);
  current_ = nullptr;
  if (fiber.over_) idle_.push_back(&fiber);
}

void Fibers::Wait() {
  Fiber& fiber = *current_;
  swapcontext(&fiber.context_, &main_);
}

void Fibers::Resume(Fiber* fiber) {
  SwitchTo(*fiber);
}

}  // namespace copper::simulation

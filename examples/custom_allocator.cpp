// Gives a plan its scratch memory from an arena of our own.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <memory>

#include <faltung/faltung.hpp>

// Hands out one block after the other and starts again once all came back.
struct Arena {
  static constexpr std::size_t capacity = std::size_t{64} << 20;
  std::unique_ptr<std::byte[]> memory = std::make_unique<std::byte[]>(capacity);
  std::size_t used = 0;
  std::size_t peak = 0;
  int live = 0;
  int total = 0;

  static void* allocate(void* context, std::size_t bytes, std::size_t alignment,
                        const faltung::Stream&) {
    Arena& arena = *static_cast<Arena*>(context);
    void* block = arena.memory.get() + arena.used;
    std::size_t room = capacity - arena.used;
    if (std::align(alignment, bytes, block, room) == nullptr) return nullptr;  // becomes an error
    arena.used = capacity - room + bytes;
    arena.peak = std::max(arena.peak, arena.used);
    ++arena.live;
    ++arena.total;
    return block;
  }
  static void deallocate(void* context, void*, std::size_t, std::size_t, const faltung::Stream&) {
    Arena& arena = *static_cast<Arena*>(context);
    if (--arena.live == 0) arena.used = 0;
  }
};

int main() {
  Arena arena;
  const faltung::Problem problem =
      faltung::Problem::parse("op=dgrad dtype=f32 n=2 c=4 in=30x40 k=8 f=3x3 pad=1");
  const faltung::Plan plan = faltung::Plan::make(
      problem, faltung::Device::cpu(),
      {.engine = "cpu.reference",  // one that needs scratch memory for this problem
       .allocator = {&arena, Arena::allocate, Arena::deallocate}});

  const faltung::Tensor dy = faltung::Tensor::zeros(problem.output, problem.y_shape());
  const faltung::Tensor w = faltung::Tensor::zeros(problem.filter, problem.w_shape());
  faltung::Tensor dx(problem.input, problem.x_shape());
  for (int i = 0; i < 3; ++i) plan.run({}, dy, w, dx);

  std::printf("%d blocks for 3 runs, at most %zu bytes at once, %d still in use\n", arena.total,
              arena.peak, arena.live);
  return arena.total == 3 && arena.live == 0 && arena.peak >= plan.workspace_bytes() ? 0 : 1;
}

#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/bulk_copy.cuh"
#include "tests/emulator/planted_bugs.hpp"

// Mistakes with asynchronous copies: cp.async, bulk copies and the mbarriers they signal.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::Mbarrier;
using cuda::Shared;
using cuda::SharedMemory;
using In = Global<const float>;
using Out = Global<float>;

constexpr int tile_bytes = bug_threads * static_cast<int>(sizeof(float));

__device__ int thread() { return static_cast<int>(threadIdx.x); }
__device__ int block() { return static_cast<int>(blockIdx.x); }
/// The element of x and y that belongs to this thread in the `tile`-th tile of the block.
__device__ int own(int tile = 0) { return (tile * 2 + block()) * bug_threads + thread(); }

// --- cp.async ---

template <bool broken>
__global__ void missing_wait(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  cuda::copy_async<4>(tile + thread(), x + own());
  cuda::copy_async_commit();
  if constexpr (!broken) cuda::copy_async_wait<0>();
  y[own()] = tile[thread()] + 1;
  cuda::copy_async_wait<0>();
}

template <bool broken>
__global__ void missing_commit(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  cuda::copy_async<4>(tile + thread(), x + own());
  if constexpr (!broken) cuda::copy_async_commit();
  cuda::copy_async_wait<0>();
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void waits_for_the_wrong_group(In x, Out y) {
  auto tile = SharedMemory().take<float>(2 * bug_threads);
  for (int stage = 0; stage < 2; ++stage) {
    cuda::copy_async<4>(tile + (stage * bug_threads + thread()), x + own(stage));
    cuda::copy_async_commit();
  }
  cuda::copy_async_wait<broken ? 2 : 1>();
  y[own()] = tile[thread()] + 1;
  cuda::copy_async_wait<0>();
}

template <bool broken>
__global__ void waits_without_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  cuda::copy_async<4>(tile + thread(), x + own());
  cuda::copy_async_commit();
  cuda::copy_async_wait<0>();  // for the own copy alone
  if constexpr (!broken) __syncthreads();
  y[own() ^ 1] = tile[thread() ^ 1] + 1;
}

template <bool broken>
__global__ void refills_while_others_read(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  for (int i = 0; i < 2; ++i) {
    cuda::copy_async<4>(tile + thread(), x + own(i));
    cuda::copy_async_commit();
    cuda::copy_async_wait<0>();
    __syncthreads();
    y[own(i) ^ 1] = tile[thread() ^ 1] + 1;
    if constexpr (!broken) __syncthreads();
  }
}

template <bool broken>
__global__ void exits_with_copies_under_way(In x, Out y) {
  auto tile = SharedMemory().take<float>(2 * bug_threads);
  cuda::copy_async<4>(tile + thread(), x + own());
  cuda::copy_async_commit();
  cuda::copy_async_wait<0>();
  cuda::copy_async<4>(tile + (bug_threads + thread()), x + own());  // one too many
  cuda::copy_async_commit();
  y[own()] = tile[thread()] + 1;
  if constexpr (!broken) cuda::copy_async_wait<0>();
}

template <bool broken>
__global__ void unaligned_copy(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads * 4);
  const int from = own() * 4 + (broken ? 1 : 0);
  cuda::copy_async<16>(tile + thread() * 4, x + from);
  cuda::copy_async_commit();
  cuda::copy_async_wait<0>();
  const auto four = tile.load<4>(thread() * 4);
  y.store<4>(own() * 4, {four[0] + 1, four[1] + 1, four[2] + 1, four[3] + 1});
}

// --- bulk loads and mbarriers ---

struct BulkMemory {
  Shared<float> tile;
  Shared<Mbarrier> barrier;
};

template <bool with_fence = true, bool with_sync = true>
__device__ BulkMemory set_up(int tiles = 1) {
  SharedMemory shared;
  BulkMemory memory{shared.take<float, 128>(tiles * bug_threads), shared.take<Mbarrier>(2)};
  if (thread() == 0) {
    cuda::mbarrier_init(memory.barrier, 1);
    cuda::mbarrier_init(memory.barrier + 1, bug_threads);
    if constexpr (with_fence) cuda::fence_mbarrier_init();
  }
  if constexpr (with_sync) __syncthreads();
  return memory;
}

template <bool broken>
__global__ void missing_mbarrier_wait(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  if constexpr (broken) {
    __syncthreads();  // orders threads, but not the copy engine
  } else {
    cuda::mbarrier_wait(m.barrier, 0);
  }
  y[own()] = m.tile[thread()] + 1;
  cuda::mbarrier_wait(m.barrier, 0);
}

template <bool broken>
__global__ void wrong_parity(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  __syncthreads();
  cuda::mbarrier_wait(m.barrier, broken ? 1 : 0);
  y[own()] = m.tile[thread()] + 1;
}

template <bool broken>
__global__ void missing_expect_tx(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
    if constexpr (broken) {
      cuda::mbarrier_arrive(m.barrier);
    } else {
      cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    }
  }
  cuda::mbarrier_wait(m.barrier, 0);
  y[own()] = m.tile[thread()] + 1;
}

template <bool broken>
__global__ void expects_too_many_bytes(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes + (broken ? 16 : 0));
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  cuda::mbarrier_wait(m.barrier, 0);
  y[own()] = m.tile[thread()] + 1;
}

template <bool broken>
__global__ void too_many_arrivals(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    if (broken) cuda::mbarrier_arrive(m.barrier);
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  __syncthreads();
  cuda::mbarrier_wait(m.barrier, 0);
  y[own()] = m.tile[thread()] + 1;
}

template <bool broken>
__global__ void mbarrier_not_initialised(In x, Out y) {
  const BulkMemory m = set_up();
  cuda::mbarrier_arrive(m.barrier + 1);
  if (broken) cuda::mbarrier_arrive(SharedMemory().take<Mbarrier>(1));
  y[own()] = x[own()] + 1;
}

template <bool broken>
__global__ void mbarrier_used_before_others_know(In x, Out y) {
  const BulkMemory m = set_up<true, !broken>();
  if constexpr (broken) (void)__shfl_sync(0xffffffffu, 0, 0);  // meets, but orders no memory
  if (thread() < 32) cuda::mbarrier_arrive(m.barrier + 1);
  y[own()] = x[own()] + 1;
}

template <bool broken>
__global__ void missing_mbarrier_fence(In x, Out y) {
  const BulkMemory m = set_up<!broken>();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  cuda::mbarrier_wait(m.barrier, 0);
  y[own()] = m.tile[thread()] + 1;
}

template <bool broken>
__global__ void reload_while_others_read(In x, Out y) {
  const BulkMemory m = set_up();
  for (int i = 0; i < 3; ++i) {
    if (thread() == 0) {
      // All threads have arrived after reading the tile before.
      if (!broken) cuda::mbarrier_wait(m.barrier + 1, (i + 1) & 1);
      cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
      cuda::bulk_load(m.tile, x + (i * 2 + block()) * bug_threads, tile_bytes, m.barrier);
    }
    cuda::mbarrier_wait(m.barrier, i & 1);
    y[own(i)] = m.tile[thread()] + 1;
    cuda::mbarrier_arrive(m.barrier + 1);
  }
}

template <bool broken>
__global__ void exit_during_bulk_load(In x, Out y) {
  const BulkMemory m = set_up();
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, tile_bytes);
    cuda::bulk_load(m.tile, x + block() * bug_threads, tile_bytes, m.barrier);
  }
  y[own()] = x[own()] + 1;
  if (!broken) cuda::mbarrier_wait(m.barrier, 0);
}

template <bool broken>
__global__ void bulk_load_beyond_the_tile(In x, Out y) {
  const BulkMemory m = set_up();
  constexpr int bytes = tile_bytes + (broken ? 16 : 0);
  if (thread() == 0) {
    cuda::mbarrier_arrive_expect(m.barrier, bytes);
    cuda::bulk_load(m.tile, x + block() * bug_threads, bytes, m.barrier);
  }
  cuda::mbarrier_wait(m.barrier, 0);
  y[own()] = m.tile[thread()] + 1;
}

// --- bulk stores ---

template <bool broken>
__global__ void missing_proxy_fence(In x, Out y) {
  auto tile = SharedMemory().take<float, 128>(bug_threads);
  tile[thread()] = x[own()] + 1;
  if constexpr (!broken) cuda::fence_async_proxy();
  __syncthreads();
  if (thread() == 0) {
    cuda::bulk_store(y + block() * bug_threads, tile, tile_bytes);
    cuda::bulk_commit();
    cuda::bulk_wait_read<0>();
  }
}

template <bool broken>
__global__ void fence_after_the_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float, 128>(bug_threads);
  tile[thread()] = x[own()] + 1;
  if constexpr (!broken) cuda::fence_async_proxy();
  __syncthreads();
  if constexpr (broken) cuda::fence_async_proxy();
  if (thread() == 0) {
    cuda::bulk_store(y + block() * bug_threads, tile, tile_bytes);
    cuda::bulk_commit();
    cuda::bulk_wait_read<0>();
  }
}

template <bool broken>
__global__ void stores_what_nobody_wrote(In x, Out y) {
  auto tile = SharedMemory().take<float, 128>(bug_threads);
  if (!broken || thread() != 9) tile[thread()] = x[own()] + 1;
  cuda::fence_async_proxy();
  __syncthreads();
  if (thread() == 0) {
    cuda::bulk_store(y + block() * bug_threads, tile, tile_bytes);
    cuda::bulk_commit();
    cuda::bulk_wait<0>();
  }
}

template <bool broken>
__global__ void overwrites_what_is_stored(In x, Out y) {
  auto tile = SharedMemory().take<float, 128>(bug_threads);
  for (int i = 0; i < 2; ++i) {
    if (thread() == 0 && !broken) cuda::bulk_wait_read<0>();
    __syncthreads();
    tile[thread()] = x[own(i)] + 1;
    cuda::fence_async_proxy();
    __syncthreads();
    if (thread() == 0) {
      cuda::bulk_store(y + (i * 2 + block()) * bug_threads, tile, tile_bytes);
      cuda::bulk_commit();
    }
  }
  if (thread() == 0) cuda::bulk_wait_read<0>();
}

template <bool broken>
__global__ void exit_during_bulk_store(In x, Out y) {
  auto tile = SharedMemory().take<float, 128>(bug_threads);
  tile[thread()] = x[own()] + 1;
  cuda::fence_async_proxy();
  __syncthreads();
  if (thread() == 0) {
    cuda::bulk_store(y + block() * bug_threads, tile, tile_bytes);
    cuda::bulk_commit();
    if constexpr (!broken) cuda::bulk_wait_read<0>();
  }
}

#define FALTUNG_BUG(kernel, check) \
  { #kernel, emulator::Check::check, kernel < false>, kernel < true> }

const PlantedBug bugs[] = {
    FALTUNG_BUG(missing_wait, unwaited_async_copy),
    FALTUNG_BUG(missing_commit, uncommitted_async_copy),
    FALTUNG_BUG(waits_for_the_wrong_group, unwaited_async_copy),
    FALTUNG_BUG(waits_without_barrier, shared_race),
    FALTUNG_BUG(refills_while_others_read, shared_race),
    FALTUNG_BUG(exits_with_copies_under_way, copy_left_in_flight),
    FALTUNG_BUG(unaligned_copy, misaligned_access),
    FALTUNG_BUG(missing_mbarrier_wait, unwaited_async_copy),
    FALTUNG_BUG(wrong_parity, unwaited_async_copy),
    FALTUNG_BUG(missing_expect_tx, missing_expect_tx),
    FALTUNG_BUG(expects_too_many_bytes, deadlock),
    FALTUNG_BUG(too_many_arrivals, mbarrier_overflow),
    FALTUNG_BUG(mbarrier_not_initialised, mbarrier_not_initialised),
    FALTUNG_BUG(mbarrier_used_before_others_know, shared_race),
    FALTUNG_BUG(missing_mbarrier_fence, missing_proxy_fence),
    FALTUNG_BUG(reload_while_others_read, shared_race),
    FALTUNG_BUG(exit_during_bulk_load, copy_left_in_flight),
    FALTUNG_BUG(bulk_load_beyond_the_tile, out_of_bounds_shared),
    FALTUNG_BUG(missing_proxy_fence, missing_proxy_fence),
    FALTUNG_BUG(fence_after_the_barrier, missing_proxy_fence),
    FALTUNG_BUG(stores_what_nobody_wrote, unset_read),
    FALTUNG_BUG(overwrites_what_is_stored, write_during_async_read),
    FALTUNG_BUG(exit_during_bulk_store, copy_left_in_flight),
};
INSTANTIATE_TEST_SUITE_P(Async, PlantedBugs, ::testing::ValuesIn(bugs), bug_name);

}  // namespace
}  // namespace faltung::emulator_kernels

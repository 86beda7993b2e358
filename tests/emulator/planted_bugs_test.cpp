#include "tests/emulator/planted_bugs.hpp"

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/barrier.cuh"
#include "cuda/primitives/view.cuh"

// Mistakes with plain loads, stores, barriers and shuffles.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::Shared;
using cuda::SharedMemory;
using cuda::Vec;
using In = Global<const float>;
using Out = Global<float>;

__device__ int thread() { return static_cast<int>(threadIdx.x); }
__device__ int block() { return static_cast<int>(blockIdx.x); }
/// The element of x and y that belongs to this thread.
__device__ int own() { return block() * bug_threads + thread(); }

template <bool broken>
__global__ void dropped_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if constexpr (!broken) __syncthreads();
  const int other = bug_threads - 1 - thread();
  y[block() * bug_threads + other] = tile[other] + 1;
}

template <bool broken>
__global__ void dropped_loop_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  const int other = thread() ^ 1;
  for (int step = 0; step < 4; ++step) {
    const int first = (step * 2 + block()) * bug_threads;
    tile[thread()] = x[first + thread()];
    __syncthreads();
    y[first + other] = tile[other] + 1;
    if constexpr (!broken) __syncthreads();  // the next step overwrites the tile
  }
}

template <bool broken>
__global__ void missing_syncwarp(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if constexpr (!broken) __syncwarp();
  y[own() ^ 1] = tile[thread() ^ 1] + 1;
}

template <bool broken>
__global__ void shuffle_as_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if constexpr (broken) {
    (void)__shfl_sync(0xffffffffu, 0, 0);  // meets, but orders no memory
  } else {
    __syncwarp();
  }
  y[own() ^ 1] = tile[thread() ^ 1] + 1;
}

template <bool broken>
__global__ void write_write_race(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if (broken && thread() == 0) tile[1] = x[own() + 1];
  __syncthreads();
  y[own()] = tile[thread()] + 1;
}

// Both warps read the word that thread 0 overwrites; it must wait for both.
template <bool broken>
__global__ void one_reader_not_waited_for(In x, Out y) {
  auto word = SharedMemory().take<float>(1);
  if (thread() == 0) word[0] = 1;
  __syncthreads();
  y[own()] = x[own()] + word[0];
  if constexpr (broken) {
    __syncwarp();
  } else {
    __syncthreads();
  }
  if (thread() == 0) word[0] = 2;
}

template <bool broken>
__global__ void atomic_and_plain_write(In x, Out y) {
  auto sum = SharedMemory().take<int>(1);
  if (thread() == 0) sum[0] = 0;
  __syncthreads();
  if (broken && thread() == 5) {
    sum[0] = 1;
  } else {
    sum.atomic_add(0, 1);
  }
  __syncthreads();
  y[own()] = x[own()] + float(sum[0] > 0);
}

template <bool broken>
__global__ void off_by_one_halo(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads + 2);
  for (int i = thread(); i < bug_threads + 2; i += bug_threads) {
    const int from = block() * bug_threads + i - 1;
    tile[i] = broken || from >= 0 ? float(x[from]) : 0.0f;
  }
  __syncthreads();
  y[own()] = tile[thread() + 1] + 1;
}

template <bool broken>
__global__ void index_past_the_row(In x, Out y) {
  // The element exists: it is the first of the next row.
  const cuda::View2<const float> rows{x, {2, bug_threads}, {bug_threads, 1}};
  const int column = thread() + (broken && thread() == bug_threads - 1 ? 1 : 0);
  y[own()] = rows(block(), column) + 1;
}

template <bool broken>
__global__ void padded_arithmetic(In x, Out y) {
  float sum = x[own()];
  for (int tap = 0; tap < (broken ? 16 : 9); ++tap) {
    sum = cuda::multiply_add(1.0f, tap == 0 ? 1.0f : 0.0f, sum);
  }
  y[own()] = sum;
}

template <bool broken>
__global__ void off_by_one_result(In x, Out y) {
  const float value = x[own()];
  y[own() + (broken ? 1 : 0)] = value + 1;
}

template <bool broken>
__global__ void shared_overrun(In x, Out y) {
  SharedMemory shared;
  auto tile = shared.take<float>(bug_threads);
  auto next = shared.take<float>(bug_threads);  // an overrun of `tile` lands here
  next[thread()] = 0;
  __syncthreads();
  tile[thread() + (broken ? 1 : 0)] = x[own()];
  __syncthreads();
  y[own()] = tile[thread()] + 1 + next[thread()];
}

template <bool broken>
__global__ void unaligned_vector_load(In x, Out y) {
  const Vec<float, 4> four = x.load<4>(own() * 4 + (broken ? 1 : 0));
  y.store<4>(own() * 4, {four[0] + 1, four[1] + 1, four[2] + 1, four[3] + 1});
}

template <bool broken>
__global__ void early_exit(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  if (broken && thread() == 13) return;
  tile[thread()] = x[own()];
  __syncthreads();
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void divergent_barrier(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if (broken && thread() < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void barrier_in_a_branch(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  if (!broken || thread() < 32) __syncthreads();
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void divergent_shuffle(In x, Out y) {
  float value = x[own()];
  if (!broken || thread() % 32 < 16) value += __shfl_sync(0xffffffffu, 1.0f, 0);
  y[own()] = value;
}

template <bool broken>
__global__ void shuffle_from_inactive_lane(In x, Out y) {
  const unsigned half = thread() % 32 < 16 ? 0xffffu : 0xffff0000u;
  const int source = thread() % 32 < 16 ? 0 : (broken ? 0 : 16);
  y[own()] = x[own()] + __shfl_sync(half, 1.0f, source);
}

template <bool broken>
__global__ void lane_not_in_mask(In x, Out y) {
  const unsigned mask = broken ? 0x7fffffffu : 0xffffffffu;
  y[own()] = x[own()] + float(__any_sync(mask, 1));
}

template <bool broken>
__global__ void unset_shared(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  if (!broken || thread() != 7) tile[thread()] = x[own()];
  __syncthreads();
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void unset_global(In x, Out y) {
  if constexpr (!broken) y[own()] = 0;
  y[own()] += x[own()] + 1;
}

template <bool broken>
__global__ void overlapping_blocks(In x, Out y) {
  const int first = block() * (broken ? bug_threads - 1 : bug_threads);
  y[first + thread()] = x[first + thread()] + 1;
}

template <bool broken>
__global__ void result_of_another_block(In x, Out y) {
  y[own()] = x[own()] + 1;
  const float neighbour = y[broken ? own() ^ bug_threads : own()];
  if (neighbour < 0) y[own()] = 0;
}

template <bool broken>
__global__ void named_barrier_count(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  cuda::named_barrier_sync(1, broken && thread() >= 32 ? 32 : 64);
  y[own() ^ 32] = tile[thread() ^ 32] + 1;
}

template <bool broken>
__global__ void named_barrier_without_partner(In x, Out y) {
  auto tile = SharedMemory().take<float>(bug_threads);
  tile[thread()] = x[own()];
  // The lower warp signals, the upper one waits.
  if (thread() < 32) {
    if constexpr (!broken) cuda::named_barrier_arrive(2, 64);
  } else {
    cuda::named_barrier_sync(2, 64);
    y[own()] = tile[thread()] + tile[thread() - 32] - float(thread() - 32 + block() * 64) + 1;
  }
}

template <bool broken>
__global__ void index_overflow(In x, Out y) {
  const int row = 70000 + own();
  const int pitch = 70000;
  using Index = std::conditional_t<broken, int, std::ptrdiff_t>;
  const Index offset = Index{row} * pitch;
  y[own()] = x[offset / pitch - 70000] + 1;
}

template <bool broken>
__global__ void register_array_index(In x, Out y) {
  float window[4];
  for (int i = 0; i < 4; ++i) window[i] = static_cast<float>(i);
  const int last = 3 + (broken && x[own()] >= 0 ? 1 : 0);
  y[own()] = x[own()] + window[last] - 2;
}

template <bool broken>
__global__ void more_shared_than_launched(In x, Out y) {
  SharedMemory shared;
  (void)shared.take<float>(bug_shared_bytes / 4 - bug_threads + (broken ? 1 : 0));
  auto tile = shared.take<float>(bug_threads);
  tile[thread()] = x[own()];
  y[own()] = tile[thread()] + 1;
}

template <bool broken>
__global__ void stride_32_conflicts(In x, Out y) {
  constexpr int pitch = broken ? 32 : 33;
  auto tile = SharedMemory().take<float>(32 * 33);
  for (int row = thread() / 32; row < 32; row += 2) {
    tile[row * pitch + thread() % 32] = x[block() * 1024 + row * 32 + thread() % 32];
  }
  __syncthreads();
  for (int row = thread() / 32; row < 32; row += 2) {
    const float value = tile[thread() % 32 * pitch + row];  // a column
    y[block() * 1024 + row * 32 + thread() % 32] =
        value - float(thread() % 32 * 32 + row) + float(row * 32 + thread() % 32) + 1;
  }
}

template <bool broken>
__global__ void uncoalesced_stores(In x, Out y) {
  for (int i = 0; i < 8; ++i) {
    const int at = broken ? own() * 8 + i : (block() * 8 + i) * bug_threads + thread();
    y[at] = static_cast<float>(at) + 1;
  }
  if (x[own()] < 0) y[own()] = 0;
}

template <bool broken>
__global__ void input_read_by_every_block(In x, Out y) {
  const float value = x[broken ? thread() : own()];
  y[own()] = value - float(broken ? thread() : own()) + float(own()) + 1;
}

#define FALTUNG_BUG(kernel, check) \
  { #kernel, emulator::Check::check, kernel < false>, kernel < true> }

const PlantedBug bugs[] = {
    FALTUNG_BUG(dropped_barrier, shared_race),
    FALTUNG_BUG(dropped_loop_barrier, shared_race),
    FALTUNG_BUG(missing_syncwarp, shared_race),
    FALTUNG_BUG(shuffle_as_barrier, shared_race),
    FALTUNG_BUG(write_write_race, shared_race),
    FALTUNG_BUG(one_reader_not_waited_for, shared_race),
    FALTUNG_BUG(atomic_and_plain_write, shared_race),
    FALTUNG_BUG(off_by_one_halo, out_of_bounds_global),
    FALTUNG_BUG(index_past_the_row, out_of_bounds_global),
    FALTUNG_BUG(padded_arithmetic, wasted_arithmetic),
    FALTUNG_BUG(off_by_one_result, wrong_result),
    FALTUNG_BUG(shared_overrun, out_of_bounds_shared),
    FALTUNG_BUG(unaligned_vector_load, misaligned_access),
    FALTUNG_BUG(early_exit, exit_before_barrier),
    FALTUNG_BUG(divergent_barrier, divergent_barrier),
    FALTUNG_BUG(barrier_in_a_branch, exit_before_barrier),
    FALTUNG_BUG(divergent_shuffle, divergent_collective),
    FALTUNG_BUG(shuffle_from_inactive_lane, shuffle_from_inactive_lane),
    FALTUNG_BUG(lane_not_in_mask, lane_not_in_mask),
    FALTUNG_BUG(unset_shared, unset_read),
    FALTUNG_BUG(unset_global, unset_read),
    FALTUNG_BUG(overlapping_blocks, global_race),
    FALTUNG_BUG(result_of_another_block, global_race),
    FALTUNG_BUG(named_barrier_count, barrier_count_mismatch),
    FALTUNG_BUG(named_barrier_without_partner, deadlock),
    FALTUNG_BUG(index_overflow, integer_overflow),
    FALTUNG_BUG(register_array_index, array_index),
    FALTUNG_BUG(more_shared_than_launched, shared_memory_exceeded),
    FALTUNG_BUG(stride_32_conflicts, bank_conflicts),
    FALTUNG_BUG(uncoalesced_stores, uncoalesced_access),
    FALTUNG_BUG(input_read_by_every_block, excess_traffic),
};
INSTANTIATE_TEST_SUITE_P(Plain, PlantedBugs, ::testing::ValuesIn(bugs), bug_name);

}  // namespace
}  // namespace faltung::emulator_kernels

#pragma once

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/bulk_copy.cuh"

namespace faltung::emulator_kernels {

/// 3x3 sums of an image with zeros outside. One warp loads tiles with the copy engine, four warps
/// add up and store through the copy engine; two mbarriers per stage hand tiles back and forth.
///
///   grid    x: strips of 64 columns
///   block   160: consumers, then the producer
///   maps    x: box input_cols x input_rows    y: box cols x rows
struct TmaShape {
  static constexpr int rows = 8;
  static constexpr int cols = 64;
  static constexpr int input_rows = rows + 2;
  static constexpr int input_cols = cols + 4;  // two for the halo, four for whole 16-byte units
  static constexpr int stages = 2;
  static constexpr int consumers = 128;
  static constexpr int input_bytes = input_rows * input_cols * static_cast<int>(sizeof(float));
  static constexpr int stage_elements = (input_bytes + 127) / 128 * 32;  ///< aligned to 128 bytes
  static constexpr int output_bytes = rows * cols * static_cast<int>(sizeof(float));
  static constexpr int shared_bytes = stages * stage_elements * 4 + output_bytes + 2 * stages * 8;
};

namespace tma {

struct Memory {
  cuda::Shared<float> input;  ///< a ring of stages
  cuda::Shared<float> output;
  cuda::Shared<cuda::Mbarrier> full, empty;  ///< one of each per stage
};

__device__ __forceinline__ void produce(const Memory& memory, const CUtensorMap& map, int tiles) {
  for (int tile = 0; tile < tiles; ++tile) {
    const int stage = tile % TmaShape::stages;
    const int round = tile / TmaShape::stages;
    cuda::mbarrier_wait(memory.empty + stage, (round + 1) & 1);
    cuda::mbarrier_arrive_expect(memory.full + stage, TmaShape::input_bytes);
    const int col = static_cast<int>(blockIdx.x) * TmaShape::cols - 1;
    cuda::tensor_load(memory.input + stage * TmaShape::stage_elements, map,
                      {col, tile * TmaShape::rows - 1}, memory.full + stage);
  }
}

__device__ __forceinline__ void consume(const Memory& memory, const CUtensorMap& map, int tiles) {
  const int thread = static_cast<int>(threadIdx.x);
  const int col = thread % TmaShape::cols;
  for (int tile = 0; tile < tiles; ++tile) {
    const int stage = tile % TmaShape::stages;
    cuda::mbarrier_wait(memory.full + stage, tile / TmaShape::stages & 1);
    const cuda::Shared<float> input = memory.input + stage * TmaShape::stage_elements;
    float sum[TmaShape::rows / 2] = {};
    for (int i = 0; i < TmaShape::rows / 2; ++i) {
      const int row = thread / TmaShape::cols + 2 * i;
      for (int tap = 0; tap < 9; ++tap) {
        sum[i] += input[(row + tap / 3) * TmaShape::input_cols + col + tap % 3];
      }
    }
    cuda::mbarrier_arrive(memory.empty + stage);

    if (thread == 0) cuda::bulk_wait_read<0>();  // the last tile has left the output buffer
    cuda::named_barrier_sync(1, TmaShape::consumers);
    for (int i = 0; i < TmaShape::rows / 2; ++i) {
      memory.output[(thread / TmaShape::cols + 2 * i) * TmaShape::cols + col] = sum[i];
    }
    cuda::fence_async_proxy();
    cuda::named_barrier_sync(1, TmaShape::consumers);
    if (thread == 0) {
      cuda::tensor_store(map,
                         {static_cast<int>(blockIdx.x) * TmaShape::cols, tile * TmaShape::rows},
                         memory.output);
      cuda::bulk_commit();
    }
  }
  if (thread == 0) cuda::bulk_wait_read<0>();
}

}  // namespace tma

__global__ void __launch_bounds__(160)
    tma_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap y,
               int tiles) {
  cuda::SharedMemory shared;
  tma::Memory memory;
  memory.input = shared.take<float, 128>(TmaShape::stages * TmaShape::stage_elements);
  memory.output = shared.take<float, 128>(TmaShape::rows * TmaShape::cols);
  memory.full = shared.take<cuda::Mbarrier>(TmaShape::stages);
  memory.empty = shared.take<cuda::Mbarrier>(TmaShape::stages);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < TmaShape::stages; ++stage) {
      cuda::mbarrier_init(memory.full + stage, 1);
      cuda::mbarrier_init(memory.empty + stage, TmaShape::consumers);
    }
    cuda::fence_mbarrier_init();
  }
  __syncthreads();
  if (threadIdx.x < TmaShape::consumers) {
    tma::consume(memory, y, tiles);
  } else if (threadIdx.x == TmaShape::consumers) {
    tma::produce(memory, x, tiles);
  }
}

}  // namespace faltung::emulator_kernels

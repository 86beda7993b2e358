#pragma once

#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/mma.cuh"

namespace faltung::emulator_kernels {

/// c = a b^T for Half matrices a [m, k] and b [n, k] and float c [m, n], with m and n multiples of
/// 64 and k of 32. Tiles come through a ring of cp.async stages; four warps compute 32 x 32 each.
///
///   grid    x: tiles of n    y: tiles of m
///   block   128
struct MmaShape {
  static constexpr int tile = 64;
  static constexpr int depth = 32;
  static constexpr int stages = 3;
  static constexpr int tile_elements = tile * depth;
  static constexpr int shared_bytes = stages * 2 * tile_elements * 2;
};

namespace mma {

/// Where eight elements of a row lie: rows are 64 bytes, so the 16-byte units of eight rows would
/// meet in the same banks. Exchanging units by half the row number spreads them over all banks.
__device__ __forceinline__ int place(int row, int unit) {
  return row * MmaShape::depth + (unit ^ (row / 2 & 3)) * 8;
}

/// 64 x 32 elements from row `first` and column `k` on.
__device__ __forceinline__ void fetch(cuda::Shared<Half> tile, cuda::Global<const Half> matrix,
                                      int pitch, int first, int k) {
  for (int i = static_cast<int>(threadIdx.x); i < MmaShape::tile * 4; i += 128) {
    const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(first + i / 4) * pitch + k + i % 4 * 8;
    cuda::copy_async<16>(tile + place(i / 4, i % 4), matrix + from);
  }
}

struct Accumulators {
  float value[2][4][4];  ///< 16 x 8 fragments, two below and four beside each other
};

/// One warp's 32 x 32 x 32.
__device__ __forceinline__ void multiply(cuda::Shared<Half> a, cuda::Shared<Half> b, int row,
                                         int column, Accumulators& sum) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int step = 0; step < 2; ++step) {
    std::uint32_t left[2][4];
    std::uint32_t right[2][4];  // two fragments of 16 x 8 each
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      cuda::load_matrix(left[i], a + place(row + i * 16 + lane % 16, step * 2 + lane / 16));
      cuda::load_matrix(
          right[i], b + place(column + i * 16 + lane % 8 + lane / 16 * 8, step * 2 + lane / 8 % 2));
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const std::uint32_t fragment[2] = {right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]};
        cuda::mma_m16n8k16<Half>(sum.value[i][j], left[i], fragment);
      }
    }
  }
}

}  // namespace mma

__global__ void __launch_bounds__(128)
    mma_kernel(cuda::Global<const Half> a, cuda::Global<const Half> b, cuda::Global<float> c, int n,
               int k) {
  constexpr int tile = MmaShape::tile;
  constexpr int elements = MmaShape::tile_elements;
  auto ring = cuda::SharedMemory().take<Half>(MmaShape::stages * 2 * elements);
  const int first_row = static_cast<int>(blockIdx.y) * tile;
  const int first_col = static_cast<int>(blockIdx.x) * tile;
  const int steps = k / MmaShape::depth;
  const auto fetch = [&](int step) {
    if (step < steps) {
      const auto stage = ring + step % MmaShape::stages * 2 * elements;
      mma::fetch(stage, a, k, first_row, step * MmaShape::depth);
      mma::fetch(stage + elements, b, k, first_col, step * MmaShape::depth);
    }
    cuda::copy_async_commit();
  };
  for (int step = 0; step < MmaShape::stages - 1; ++step) fetch(step);

  const int warp = static_cast<int>(threadIdx.x / 32);
  mma::Accumulators sum{};
  for (int step = 0; step < steps; ++step) {
    cuda::copy_async_wait<MmaShape::stages - 2>();
    __syncthreads();
    fetch(step + MmaShape::stages - 1);
    const auto stage = ring + step % MmaShape::stages * 2 * elements;
    mma::multiply(stage, stage + elements, warp / 2 * 32, warp % 2 * 32, sum);
  }

  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    const int row = first_row + warp / 2 * 32 + i / 8 * 16 + i % 2 * 8 + lane / 4;
    const int column = first_col + warp % 2 * 32 + i / 2 % 4 * 8 + lane % 4 * 2;
    const float(&four)[4] = sum.value[i / 8][i / 2 % 4];
    const cuda::Vec<float, 2> pair{four[i % 2 * 2], four[i % 2 * 2 + 1]};
    c.store<2>(static_cast<std::ptrdiff_t>(row) * n + column, pair);
  }
}

}  // namespace faltung::emulator_kernels

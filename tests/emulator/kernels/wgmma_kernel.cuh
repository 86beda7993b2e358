#pragma once

#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/primitives/wgmma.cuh"

namespace faltung::emulator_kernels {

/// c = a b^T for Half matrices a [m, k] and b [n, k] and float c [m, n]. Two blocks of a cluster
/// share the tile of b: each loads half of it into both. One warpgroup multiplies, one thread
/// loads.
///
///   grid     x: tiles of m, an even number    y: tiles of n
///   block    160     cluster  2
///   maps     a: box 64 x 64    b: box 64 x 32; both swizzled by 128 bytes
struct WgmmaShape {
  static constexpr int tile = 64;
  static constexpr int depth = 64;  ///< a row of 128 bytes
  static constexpr int stages = 2;
  static constexpr int tile_elements = tile * depth;
  static constexpr int stage_bytes = 2 * tile_elements * 2;
  static constexpr int shared_bytes = stages * stage_bytes + 2 * stages * 8;
};

namespace wgmma {

struct Memory {
  cuda::Shared<Half> a, b;                   ///< rings of stages
  cuda::Shared<cuda::Mbarrier> full, empty;  ///< one of each per stage
};

__device__ __forceinline__ void produce(const Memory& memory, const CUtensorMap& a,
                                        const CUtensorMap& b, int steps) {
  const int rank = cuda::cluster_rank();
  constexpr int half = WgmmaShape::tile / 2;
  for (int step = 0; step < steps; ++step) {
    const int stage = step % WgmmaShape::stages;
    const auto full = memory.full + stage;
    cuda::mbarrier_wait(memory.empty + stage, (step / WgmmaShape::stages + 1) & 1);
    cuda::mbarrier_arrive_expect(full, WgmmaShape::stage_bytes);
    const int k = step * WgmmaShape::depth;
    const int offset = stage * WgmmaShape::tile_elements;
    cuda::tensor_load(memory.a + offset, a, {k, static_cast<int>(blockIdx.x) * WgmmaShape::tile},
                      full);
    cuda::tensor_load_multicast(memory.b + (offset + rank * half * WgmmaShape::depth), b,
                                {k, static_cast<int>(blockIdx.y) * WgmmaShape::tile + rank * half},
                                full, 0b11);
  }
}

__device__ __forceinline__ void consume(const Memory& memory, cuda::Global<float> c, int n,
                                        int steps) {
  constexpr int tile = WgmmaShape::tile;
  float sum[tile / 2];
  for (int step = 0; step < steps; ++step) {
    const int stage = step % WgmmaShape::stages;
    const int offset = stage * WgmmaShape::tile_elements;
    const auto a =
        cuda::matrix_descriptor(memory.a + offset, cuda::MatrixSwizzle::bytes_128, 16, 1024);
    const auto b =
        cuda::matrix_descriptor(memory.b + offset, cuda::MatrixSwizzle::bytes_128, 16, 1024);
    cuda::mbarrier_wait(memory.full + stage, step / WgmmaShape::stages & 1);
    cuda::wgmma_fence();
#pragma unroll
    for (int k = 0; k < WgmmaShape::depth; k += 16) {
      cuda::wgmma<Half, tile>(sum, a + k * 2, b + k * 2, step > 0 || k > 0);
    }
    cuda::wgmma_commit();
    cuda::wgmma_wait<0>();
    // Both blocks write this block's tile of b, so both must hear that it has been read.
    if (threadIdx.x < 2)
      cuda::mbarrier_arrive_at(memory.empty + stage, static_cast<int>(threadIdx.x));
  }
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int row =
      static_cast<int>(blockIdx.x) * tile + static_cast<int>(threadIdx.x) / 32 * 16 + lane / 4;
  const int column = static_cast<int>(blockIdx.y) * tile + lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < tile / 4; ++i) {
    const cuda::Vec<float, 2> pair{sum[i * 2], sum[i * 2 + 1]};
    c.store<2>(static_cast<std::ptrdiff_t>(row + i % 2 * 8) * n + column + i / 2 * 8, pair);
  }
}

}  // namespace wgmma

__global__ void __launch_bounds__(160, 1)
    wgmma_kernel(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b,
                 cuda::Global<float> c, int n, int steps) {
  cuda::SharedMemory shared;
  wgmma::Memory memory;
  memory.a = shared.take<Half, 1024>(WgmmaShape::stages * WgmmaShape::tile_elements);
  memory.b = shared.take<Half, 1024>(WgmmaShape::stages * WgmmaShape::tile_elements);
  memory.full = shared.take<cuda::Mbarrier>(WgmmaShape::stages);
  memory.empty = shared.take<cuda::Mbarrier>(WgmmaShape::stages);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < WgmmaShape::stages; ++stage) {
      cuda::mbarrier_init(memory.full + stage, 1);
      cuda::mbarrier_init(memory.empty + stage, 2);
    }
    cuda::fence_mbarrier_init();
  }
  cuda::cluster_sync();
  if (threadIdx.x < 128) {
    wgmma::consume(memory, c, n, steps);
  } else if (threadIdx.x == 128) {
    wgmma::produce(memory, a, b, steps);
  }
  __syncwarp();
  cuda::cluster_sync();  // the other block may still write here and signal here
}

}  // namespace faltung::emulator_kernels

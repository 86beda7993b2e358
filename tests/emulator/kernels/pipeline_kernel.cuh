#pragma once

#include "cuda/primitives/async_copy.cuh"

namespace faltung::emulator_kernels {

/// y = 2 x, each run of 256 elements reversed. Reads ahead by two tiles with cp.async.
///
///   grid    any; block b takes the tiles b, b + grid, ...
///   block   64; a thread copies four elements of a tile
struct PipelineShape {
  static constexpr int tile = 256;
  static constexpr int stages = 3;
  static constexpr int shared_bytes = stages * tile * static_cast<int>(sizeof(float));
};

__global__ void __launch_bounds__(64)
    pipeline_kernel(cuda::Global<const float> x, cuda::Global<float> y, int tiles) {
  using cuda::Vec;
  constexpr int tile = PipelineShape::tile;
  constexpr int stages = PipelineShape::stages;
  auto ring = cuda::SharedMemory().take<float>(stages * tile);
  const int element = static_cast<int>(threadIdx.x) * 4;
  const int step = static_cast<int>(gridDim.x);
  const int first = static_cast<int>(blockIdx.x);

  // One group per tile, empty past the last one, so that the count of groups tells the tile.
  const auto fetch = [&](int index) {
    const int from = first + index * step;
    if (from < tiles) {
      cuda::copy_async<16>(ring + (index % stages * tile + element), x + (from * tile + element));
    }
    cuda::copy_async_commit();
  };
  for (int i = 0; i < stages - 1; ++i) fetch(i);
  for (int i = 0; first + i * step < tiles; ++i) {
    cuda::copy_async_wait<stages - 2>();
    __syncthreads();  // everybody's part of tile i is here, and tile i - 1 has been read
    fetch(i + stages - 1);
    const Vec<float, 4> in = ring.load<4>(i % stages * tile + tile - 4 - element);
    const Vec<float, 4> out{2 * in[3], 2 * in[2], 2 * in[1], 2 * in[0]};
    y.store<4>((first + i * step) * tile + element, out);
  }
  cuda::copy_async_wait<0>();
}

}  // namespace faltung::emulator_kernels

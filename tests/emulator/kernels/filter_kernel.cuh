#pragma once

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/primitives/view.cuh"

namespace faltung::emulator_kernels {

/// 3x3 correlation of an image with zeros outside, through a tile with a halo.
///
///   grid    x: tiles along a row    y: tiles along a column
///   block   cols x 4; a thread computes every fourth output of one column of the tile
struct FilterTile {
  static constexpr int cols = 64;
  static constexpr int rows = 16;
  static constexpr int pitch = cols + 2;
};

struct FilterTaps {
  float value[9];
};

__global__ void __launch_bounds__(256)
    filter_kernel(cuda::View2<const float> x, cuda::View2<float> y,
                  const __grid_constant__ FilterTaps taps) {
  constexpr int halo_rows = FilterTile::rows + 2;
  FALTUNG_SHARED(float, tile, halo_rows* FilterTile::pitch);
  const int first_row = static_cast<int>(blockIdx.y) * FilterTile::rows;
  const int first_col = static_cast<int>(blockIdx.x) * FilterTile::cols;
  const auto load = [&](int row, int col) {
    const int r = first_row + row - 1;
    const int c = first_col + col - 1;
    const bool inside = r >= 0 && r < x.extent[0] && c >= 0 && c < x.extent[1];
    tile[row * FilterTile::pitch + col] = inside ? x(r, c) : 0.0f;
  };

  // Columns 1 to 64 of the tile are whole sectors; the halo on both sides costs one sector each.
  const int col = static_cast<int>(threadIdx.x);
  for (int row = static_cast<int>(threadIdx.y); row < halo_rows; row += 4) {
    load(row, col + 1);
    if (col < 2) load(row, col * (FilterTile::pitch - 1));
  }
  __syncthreads();

  for (int row = static_cast<int>(threadIdx.y); row < FilterTile::rows; row += 4) {
    float sum = 0;
    for (int tap = 0; tap < 9; ++tap) {
      const float value = tile[(row + tap / 3) * FilterTile::pitch + col + tap % 3];
      sum = cuda::multiply_add(value, taps.value[tap], sum);
    }
    if (first_row + row < y.extent[0] && first_col + col < y.extent[1]) {
      y(first_row + row, first_col + col) = sum;
    }
  }
}

}  // namespace faltung::emulator_kernels

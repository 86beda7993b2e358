#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

/// How window_kernel cuts the work. A slot, a part of a block, walks through slices: images of one
/// channel, or the third axis of a volume. A tile of a slice lies in shared memory with its halo;
/// shared column 0 is input column `x - left` of a tile that begins at output column x.
struct WindowTiling : TileGrid {
  int threads_x = 1, threads_y = 1;  ///< of a slot
  int slots = 1;
  int left = 0;    ///< halo columns to the left, whole vectors
  int pieces = 1;  ///< vectors of 16 bytes in a shared row
  int smem_rows = 1;
  int skew = 0;       ///< vectors after the rows of each thread row: neighbours meet other banks
  int tile_size = 0;  ///< elements
  int run = 1;        ///< output slices that a slot computes one after the other
  bool x_vectors = false, y_vectors = false;  ///< rows begin at multiples of 16 bytes

  FALTUNG_HOST_DEVICE constexpr int threads() const { return threads_x * threads_y * slots; }
};

/// Vectors of a shared row that a thread reads: `columns` outputs and their taps, from a whole
/// vector on.
FALTUNG_HOST_DEVICE constexpr int window_vectors(int size, int columns) {
  const int slack = (columns - size / 2 % columns) % columns;
  return (slack + columns + size - 1 + columns - 1) / columns;
}

/// Output rows of a thread: they share the values of a row, and fit its registers.
FALTUNG_HOST_DEVICE constexpr int window_rows(int depth, int size, int bytes) {
  return depth > 1 ? 2 : size == 7 && bytes == 4 ? 7 : 4;
}

/// Slices of a slot in shared memory: one is summed, the others are on their way. The slices of a
/// volume are few to a multiprocessor.
FALTUNG_HOST_DEVICE constexpr int window_stages(int depth) { return depth > 1 ? 3 : 2; }

}  // namespace faltung::cuda::depthwise

#pragma once

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How fir_kernel is cut. A thread owns `fir_vectors` 16-byte vectors of neighbouring outputs: with
/// an odd number of them the vector reads of a warp's lanes meet no bank conflicts.
///
/// A vector of taps (4 floats, 2 doubles or complex floats) on the outputs of a warp is 112 FFMA
/// (28 DFMA, 112 x 2 FFMA for complex floats) on two vector reads of 4 wavefronts each, the second,
/// of taps, fewer if a broadcast is merged: 28 clocks of a multiprocessor's arithmetic (14, 56), 8
/// of its shared memory.
inline constexpr int fir_vectors = 7;
inline constexpr int fir_ring = 8;              ///< vectors of x held: those and the next
inline constexpr int fir_threads = 128;         ///< at most
inline constexpr int fir_residents = 4;         ///< blocks of so many threads to a multiprocessor
inline constexpr std::int64_t fir_taps = 1024;  ///< at most: two windows and the taps take < 48 KiB

/// Whether fir_kernel computes it: one short dense filter along rows of neighbouring elements.
constexpr bool can_fir(const Geometry& g) {
  const auto batch = [](const AxisGeometry& axis) {
    return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
           axis.output <= axis.input;
  };
  const AxisGeometry& ax = g.axis[2];
  return batch(g.axis[0]) && batch(g.axis[1]) && g.group_inputs == 1 && ax.filter >= 2 &&
         ax.filter <= fir_taps && ax.stride == 1 && ax.dilation == 1 && ax.input_dilation == 1 &&
         ax.x_stride == 1 && ax.output >= 512;
}

struct FirTiling : TileGrid {
  int threads = 32;
  int window_size = 1, taps_size = 1;  ///< elements of a window, of which there are two, and taps
};

/// Tiles of one row, with the number of threads that sums the fewest outputs beyond the row's end
/// and loads the fewest samples twice, a quarter as dear.
inline FirTiling fir_tiling(const Geometry& g, int accumulator_bytes,
                            const GpuLimits& device = {}) {
  const AxisGeometry& ax = g.axis[2];
  const int vector = 16 / accumulator_bytes;
  FirTiling t;
  std::int64_t min = -1;
  for (int threads = fir_threads; threads >= 32; threads -= 32) {
    const std::int64_t cols = std::int64_t{threads} * fir_vectors * vector;
    const std::int64_t cost = divide_up(ax.output, cols) * (cols + ax.filter / 4);
    if (min >= 0 && cost >= min) continue;
    min = cost;
    t.threads = threads;
    t.cols = static_cast<int>(cols);
  }
  count_tiles(g, t);
  t.taps_size = static_cast<int>(divide_up(ax.filter, vector) * vector);
  // A thread reads whole vectors, the last of them beyond its last tap.
  t.window_size = t.cols + t.taps_size;
  // All blocks are resident, and none has more than one tile more than others.
  const std::int64_t residents =
      std::int64_t{device.multiprocessors} * (fir_residents * fir_threads / t.threads);
  t.blocks = divide_up(t.tiles, divide_up(t.tiles, residents));
  return t;
}

}  // namespace faltung::cuda::direct

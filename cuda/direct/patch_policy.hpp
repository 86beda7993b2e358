#pragma once

#include <algorithm>

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How patch_kernel is cut: a thread owns 3 rows of 8 columns and keeps the 3 input rows that they
/// meet with one row of the filter in registers. 4 lanes of a warp lie side by side, 8 one below
/// the other, which with the pitch below leaves vector reads without bank conflicts.
///
/// A row of 15 taps costs a warp 10 vector reads (6 of the input, 4 of taps) of 4 wavefronts each
/// for 360 multiply-adds: 40 clocks of shared memory beside 90 of arithmetic.
inline constexpr int patch_rows = 3;
inline constexpr int patch_columns = 8;
inline constexpr int patch_lanes = 4;  ///< of a warp along a row
inline constexpr int patch_warps = 4;
inline constexpr int patch_threads = 32 * patch_warps;
inline constexpr int patch_tile_rows = patch_rows * 32 / patch_lanes;
inline constexpr int patch_tile_columns = patch_warps * patch_lanes * patch_columns;
inline constexpr int patch_residents = 3;           ///< blocks to a multiprocessor, by registers
inline constexpr std::int64_t patch_max_rows = 33;  ///< of a filter: the window takes 33 KiB

/// Widths of filters that are compiled; one column narrower, a filter gets a column of zeros.
constexpr int patch_width(std::int64_t filter) {
  return filter < 6 || filter > 15 ? 0 : static_cast<int>(filter / 2 * 2 + 1);
}
/// Columns by which the window begins before the first input of a tile, so that for `same` filters
/// it begins at a multiple of four.
FALTUNG_HOST_DEVICE constexpr int patch_shift(int width) { return (4 - width / 2 % 4) % 4; }
/// Vectors of a window row that a thread reads.
FALTUNG_HOST_DEVICE constexpr int patch_vectors(int width) {
  return (patch_shift(width) + patch_columns + width - 1 + 3) / 4;
}
/// Vectors of a row of the window of a block.
FALTUNG_HOST_DEVICE constexpr int patch_window(int width) {
  return (patch_tile_columns - patch_columns) / 4 + patch_vectors(width);
}
/// Between rows of the window: 4 more than a multiple of 8.
FALTUNG_HOST_DEVICE constexpr int patch_pitch(int width) { return 4 * patch_window(width) + 4; }
FALTUNG_HOST_DEVICE constexpr int patch_tap_pitch(int width) { return (width + 3) / 4 * 4; }

/// Whether patch_kernel computes it: filters of 6 to 15 columns over dense rows of floats.
constexpr bool can_patch(const Geometry& g) {
  constexpr std::int64_t limit = std::int64_t{1} << 29;  // rows and columns are counted in 32 bits
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  bool good = patch_width(ax.filter) != 0 && ay.filter <= patch_max_rows && ax.x_stride == 1 &&
              ay.stride == 1 && ax.stride == 1 && ay.dilation == 1 && ax.dilation == 1;
  for (const AxisGeometry& axis : g.axis) {
    good = good && axis.input_dilation == 1 && axis.input < limit && axis.output < limit &&
           axis.pad_lo > -limit && axis.pad_lo < limit && axis.filter < limit &&
           axis.stride < 1024 && axis.dilation < 1024;
  }
  return good;
}

struct PatchTiling : TileGrid {
  int lead = 0;         ///< columns of zeros before the taps
  int window_rows = 1;  ///< of the input in shared memory
  int window_size = 1, taps_size = 1;
};

inline PatchTiling patch_tiling(const Geometry& g) {
  const int width = patch_width(g.axis[2].filter);
  PatchTiling t;
  t.rows = patch_tile_rows;
  t.cols = patch_tile_columns;
  t.lead = width - static_cast<int>(g.axis[2].filter);
  t.window_rows = t.rows + static_cast<int>(g.axis[1].filter) - 1;
  t.window_size = t.window_rows * patch_pitch(width);
  t.taps_size = static_cast<int>(g.axis[1].filter) * patch_tap_pitch(width);
  count_tiles(g, t);
  return t;
}

}  // namespace faltung::cuda::direct

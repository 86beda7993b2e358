#pragma once

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/gradient_mma_geometry.hpp"

namespace faltung::cuda::depthwise {

inline constexpr int gradient_mma_warps = 4;  ///< of a block

/// Shared memory of a block: what every device has, less 1 KiB for the system.
inline constexpr std::int64_t gradient_mma_budget = max_dynamic_shared(min_limits);

/// Filter rows and x pieces of a warp, as compiled: (1, 4) for filters of one row, else (4, 3) or
/// (8, 3). Two products of 8 x 8 share an mma, so the product of the two is even.
inline constexpr int gradient_deltas(int tap_rows) { return tap_rows == 1 ? 4 : 3; }

/// Whether gradient_mma_kernel computes it.
inline bool can_gradient_mma(const Problem& p, const Geometry& g) {
  if (p.pass != Pass::backward_filter || (p.input != DType::f16 && p.input != DType::bf16)) {
    return false;
  }
  return has_plain_planes(g) && g.axis[1].filter <= 64 && g.axis[2].filter <= 256;
}

/// Shared memory of a block, in elements of 2 bytes: two loads, or the sums of all warps.
inline std::int64_t gradient_mma_shared(const GradientTiling& t) {
  const std::int64_t sums = std::int64_t{gradient_mma_warps} * t.tap_rows * t.deltas * 64 * 2;
  return std::max(2 * std::int64_t{t.planes} * (t.x_size + t.y_size), sums);
}

namespace detail {

inline void cut_gradient_taps(const Geometry& g, GradientTiling& t) {
  const auto rows = static_cast<int>(g.axis[1].filter);
  const auto& ax = g.axis[2];
  const int max = rows == 1 ? 1 : rows <= 4 ? 4 : 8;
  t.deltas = gradient_deltas(max);
  t.row_groups = static_cast<int>(divide_up(rows, max));
  t.tap_rows = max;
  t.first = static_cast<int>(divide_down(-ax.pad_lo, 8));
  const std::int64_t reach = ax.filter - 1 - ax.pad_lo - 8 * std::int64_t{t.first};
  t.column_groups =
      static_cast<int>(std::max<std::int64_t>(1, divide_up(reach, gradient_columns(t.deltas))));
  const int groups = t.row_groups * t.column_groups;
  t.warp_groups = groups >= 3 ? 4 : groups;
  t.grid_groups = static_cast<int>(divide_up(groups, t.warp_groups));
}

/// Sizes of a tile of `rows` x `cols`.
inline void size_gradient_tile(const Geometry& g, GradientTiling& t) {
  const auto filter = static_cast<int>(g.axis[1].filter);
  t.blocks = static_cast<int>(divide_up(t.rows, 16));
  t.pieces = static_cast<int>(divide_up(t.cols, 8));
  t.x_rows = t.rows + filter - 1;
  t.x_height = 16 * t.blocks + filter;  // two filter rows are loaded together
  const std::int64_t reach = g.axis[2].filter + 6 - g.axis[2].pad_lo - 8 * std::int64_t{t.first};
  t.x_pieces = t.pieces + static_cast<int>(reach / 8);
  const int halves = t.pieces + t.column_groups * (t.deltas - 1);
  t.x_pieces = std::min(t.x_pieces, halves);
  // Odd pitches: 8 rows of a piece lie in different banks.
  t.x_pitch = 8 * (halves | 1);
  t.y_pitch = 8 * (t.pieces | 1);
  t.x_size = t.x_height * t.x_pitch;
  t.y_size = 16 * t.blocks * t.y_pitch;
}

}  // namespace detail

inline GradientTiling gradient_mma_tiling(const Geometry& g) {
  const auto& [az, ay, ax] = g.axis;
  GradientTiling t;
  detail::cut_gradient_taps(g, t);
  t.folded = band_folds(g);
  // The same on every device: tiles decide about the order of a sum. Rows are given up first.
  for (int max_rows = 64, max_cols = 128;; (max_rows > 16 ? max_rows : max_cols) /= 2) {
    if (t.folded) {
      const std::int64_t lines = divide_up(ax.output, std::int64_t{16} * max_cols);
      t.cols = static_cast<int>(round_up(divide_up(ax.output, 16 * lines), 8));
      t.rows = static_cast<int>(std::min<std::int64_t>(divide_up(ax.output, t.cols), 16));
    } else {
      const std::int64_t across = divide_up(ax.output, max_cols);
      t.cols =
          static_cast<int>(across <= 1 ? ax.output : round_up(divide_up(ax.output, across), 8));
      t.rows = static_cast<int>(
          ay.output <= max_rows
              ? ay.output
              : round_up(divide_up(ay.output, divide_up(ay.output, max_rows)), 16));
    }
    t.rows = std::max(t.rows, 1);
    t.cols = std::max(t.cols, 1);
    detail::size_gradient_tile(g, t);
    const int planes = static_cast<int>(divide_up(gradient_mma_warps / t.warp_groups, t.blocks));
    const bool fits = 4 * std::int64_t{planes} * (t.x_size + t.y_size) <= gradient_mma_budget;
    if (fits || (max_rows == 16 && max_cols == 8)) break;
  }
  const int unit_warps = gradient_mma_warps / t.warp_groups;
  t.planes = static_cast<int>(divide_up(unit_warps, t.blocks));
  while (t.planes < 16 && 2 * t.planes * (t.x_size + t.y_size) < 8 * 1024) t.planes *= 2;
  t.tiles_x = divide_up(ax.output, t.folded ? t.cols * t.rows : t.cols);
  t.tiles_y = t.folded ? 1 : divide_up(ay.output, t.rows);
  t.tiles_z = az.output;
  t.tiles = t.tiles_x * t.tiles_y * t.tiles_z * g.batch;
  // Eight blocks on a multiprocessor; by the shape alone, so that results do not depend on more.
  const std::int64_t loads = std::max<std::int64_t>(1, divide_up(t.tiles, t.planes));
  const std::int64_t wanted =
      divide_up(sum_multiprocessors * 8, std::max<std::int64_t>(1, g.channels * t.grid_groups));
  t.run = static_cast<int>(
      std::min<std::int64_t>(divide_up(loads, std::min(wanted, loads)), std::int64_t{1} << 20));
  t.chunks = divide_up(loads, t.run);
  t.x_vectors = rows_aligned(g, 8, g.x_batch, g.x_channel, &AxisGeometry::x_stride);
  t.y_vectors = rows_aligned(g, 8, g.y_batch, g.y_channel, &AxisGeometry::y_stride);
  return t;
}

/// Matrix instructions in a row that add to the same sum.
inline double gradient_mma_chain(const GradientTiling& t) {
  const int unit_warps = gradient_mma_warps / t.warp_groups;
  return static_cast<double>(t.run) *
         static_cast<double>(divide_up(t.planes * t.blocks, unit_warps)) * t.pieces;
}

/// Shared-memory wavefronts and mma of one tile, as gradient_mma_kernel's comment counts them.
struct GradientCounts {
  double wavefronts = 0, mma = 0;
  double end = 0;  ///< wavefronts of all blocks when they add their diagonals up
};
inline GradientCounts gradient_mma_counts(const Geometry& g, const GradientTiling& t) {
  GradientCounts counts;
  for (int group = 0; group < t.row_groups * t.column_groups; ++group) {
    const GradientTaps taps = gradient_group(g, t, group);
    const double x = taps.rows == 1 && t.tap_rows == 1 ? 2 : 4.0 * ((taps.rows + 1) / 2);
    counts.wavefronts += t.blocks * (t.pieces * (x + 2) + (t.deltas - 1) * x);
    counts.mma += t.blocks * t.pieces * ((taps.rows * t.deltas + 1) / 2);
    counts.end += 8.0 * static_cast<double>(divide_up(taps.rows * taps.columns, 32)) *
                  gradient_mma_warps / t.warp_groups;
  }
  counts.wavefronts += (t.x_size + t.y_size) / 64.0 * t.grid_groups;
  counts.end += t.grid_groups * gradient_mma_warps * t.tap_rows * t.deltas * 2.0;
  counts.end *= static_cast<double>(t.chunks * g.channels);
  return counts;
}

}  // namespace faltung::cuda::depthwise

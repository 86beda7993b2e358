#pragma once

#include <algorithm>

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How slab_kernel is cut: a block walks along the depth of a volume, a warp owns one row of 128
/// columns, a lane four of them and a partial sum for every slice of the filter.
///
/// A slice costs a warp, for 128 outputs: size x 3 vector reads of the input, 4 wavefronts each,
/// and size x 3 (3x3x3) or x 7 (5x5x5) of taps, 1 to 4 each as a broadcast is merged or not, for 4
/// size^3 multiply-adds: 27 clocks of arithmetic beside 45 to 72 of shared memory and, at 0.88 of
/// 4.27 TB/s, 63 of device memory for 3x3x3; 125 beside 95 to 200 and 63 for 5x5x5, 90 % of whose
/// instructions are FMA.
inline constexpr int slab_rows = 8;
inline constexpr int slab_columns = 4;
inline constexpr int slab_width = 32 * slab_columns;
/// Columns of a window: four on each side, so that rows are whole vectors.
inline constexpr int slab_window = slab_width + 2 * slab_columns;

inline constexpr int slab_residents = 2;  ///< blocks to a multiprocessor, by their registers

/// Whether slab_kernel computes it: a cube of taps, as wide as high as deep, one input channel.
constexpr bool can_slab(const Geometry& g) {
  const std::int64_t size = g.axis[2].filter;
  bool good = (size == 3 || size == 5) && g.group_inputs == 1 && g.axis[2].pad_lo == size / 2 &&
              g.axis[2].x_stride == 1 && g.axis[2].y_stride == 1 && g.axis[0].output >= 4;
  for (const AxisGeometry& axis : g.axis) {
    good = good && axis.filter == size && axis.stride == 1 && axis.dilation == 1 &&
           axis.input_dilation == 1 && axis.input < (std::int64_t{1} << 30) &&
           axis.output < (std::int64_t{1} << 30) && axis.pad_lo > -(std::int64_t{1} << 30) &&
           axis.pad_lo < (std::int64_t{1} << 30);
  }
  return good;
}

/// Slabs as deep as leaves the fewest slices to the block that has most, each slab walking over
/// size - 1 slices of the next, with all blocks resident.
inline Tiling slab_tiling(const Geometry& g) {
  const std::int64_t size = g.axis[0].filter;
  const std::int64_t blocks = std::int64_t{132} * slab_residents;
  Tiling t;
  t.threads_x = 32;
  t.threads_y = slab_rows;
  t.rows = slab_rows;
  t.cols = slab_width;
  t.tiles_x = divide_up(g.axis[2].output, t.cols);
  t.tiles_y = divide_up(g.axis[1].output, t.rows);
  std::int64_t columns = t.tiles_x * t.tiles_y * g.groups * g.group_outputs;
  for (int i = 0; i < g.outer_count; ++i) columns *= g.outer[i].extent;
  std::int64_t least = -1;
  for (std::int64_t slabs = 1; slabs <= 16; ++slabs) {
    const std::int64_t depth = divide_up(g.axis[0].output, slabs);
    const std::int64_t tiles = columns * divide_up(g.axis[0].output, depth);
    const std::int64_t cost = divide_up(tiles, blocks) * (depth + size - 1);
    if (least >= 0 && cost >= least) continue;
    least = cost;
    t.depth = depth;
    t.tiles = tiles;
  }
  t.blocks = std::min<std::int64_t>(t.tiles, 0x7fffffff);
  return t;
}

/// Predicted microseconds on an H200; not measured on a GPU:
///
///     f32 512^3 3x3x3          1074 MB      3624e6 multiply-adds   290 us (target 300): memory
///     f32 100x1000x1000 5x5x5   800 MB     12500e6                 616 us (560), 467 if every
///     clock
///                                                                  at 1.98 GHz issued one
inline double predict_slab_us(const Geometry& g, const Tiling& t, double products, double bytes) {
  const auto size = static_cast<double>(g.axis[0].filter);
  const double share = size == 3 ? 0.8 : 0.9;
  const double blocks = 132.0 * slab_residents;
  const double waves = static_cast<double>(divide_up(t.tiles, static_cast<std::int64_t>(blocks)));
  const double depth = static_cast<double>(t.depth);
  const double walked = waves * blocks * (depth + size - 1) * t.rows * t.cols;
  const double wanted = products / (size * size * size);
  const double again = (depth + size - 1) / depth;
  return H200::launch_us +
         std::max(walked / wanted * products / (share * H200::products(DType::f32)),
                  (0.5 * again + 0.5) * bytes / H200::bytes);
}

}  // namespace faltung::cuda::direct

#pragma once

#include <algorithm>

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How slab_kernel is cut: a block walks along the depth of a volume, a warp owns two rows of 128
/// columns, a lane four columns of each and a partial sum for every slice of the filter.
///
/// A slice costs a warp, for 256 outputs: size x 6 vector reads of the input, 4 wavefronts each,
/// and size x 3 (3x3x3) or x 7 (5x5x5) of taps, 1 to 4 each as a broadcast is merged or not, for 8
/// size^3 multiply-adds: 54 clocks of arithmetic beside 81 to 108 of shared memory and, at 0.88 of
/// 4.27 TB/s, 126 of device memory for 3x3x3; 250 beside 155 to 260 and 126 for 5x5x5.
inline constexpr int slab_warps = 8;
inline constexpr int slab_threads = 32 * slab_warps;
inline constexpr int slab_lane_rows = 2;
inline constexpr int slab_rows = slab_warps * slab_lane_rows;
inline constexpr int slab_columns = 4;
inline constexpr int slab_width = 32 * slab_columns;
/// Columns of a window: four on each side, so that rows are whole vectors.
inline constexpr int slab_window = slab_width + 2 * slab_columns;

/// Blocks to a multiprocessor, by their registers.
constexpr int slab_residents(bool general) { return general ? 1 : 2; }

/// Whether slab_kernel computes it: a cube of taps, as wide as high as deep, one input channel.
constexpr bool can_slab(const Geometry& g) {
  const std::int64_t size = g.axis[2].filter;
  bool good = (size == 3 || size == 5) && g.group_inputs == 1 && g.axis[2].x_stride == 1 &&
              g.axis[0].output >= 4;
  for (const AxisGeometry& axis : g.axis) {
    good = good && axis.filter == size && axis.stride == 1 && axis.dilation == 1 &&
           axis.input_dilation == 1 && axis.input < (std::int64_t{1} << 30) &&
           axis.output < (std::int64_t{1} << 30) && axis.pad_lo > -(std::int64_t{1} << 30) &&
           axis.pad_lo < (std::int64_t{1} << 30);
  }
  return good;
}

struct SlabTiling : TileGrid {
  bool general = false;  ///< sums are finished in order, whatever the epilogue and result
};

/// Slabs as deep as leaves the fewest slices to the block that has most, each slab walking over
/// size - 1 slices of the next, with all blocks resident.
inline SlabTiling slab_tiling(const Geometry& g, bool general, const GpuLimits& device = {}) {
  const std::int64_t size = g.axis[0].filter;
  const std::int64_t blocks = std::int64_t{device.multiprocessors} * slab_residents(general);
  SlabTiling t;
  t.general = general;
  t.rows = slab_rows;
  t.cols = slab_width;
  const std::int64_t columns =
      divide_up(g.axis[2].output, t.cols) * divide_up(g.axis[1].output, t.rows) * g.images();
  std::int64_t min = -1;
  for (std::int64_t slabs = 1; slabs <= 16; ++slabs) {
    const std::int64_t depth = divide_up(g.axis[0].output, slabs);
    const std::int64_t tiles = columns * divide_up(g.axis[0].output, depth);
    const std::int64_t cost = divide_up(tiles, blocks) * (depth + size - 1);
    if (min >= 0 && cost >= min) continue;
    min = cost;
    t.depth = depth;
  }
  count_tiles(g, t);
  return t;
}

/// Whether slices without boundary map are copied by a loop of their own, which takes half of the
/// instructions. Cubes of 5 would spill 24 bytes.
FALTUNG_HOST_DEVICE constexpr bool slab_steps(std::int64_t size, bool general) {
  return general || size < 5;
}

}  // namespace faltung::cuda::direct

#pragma once

#include <algorithm>

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How walk_kernel is cut: a lane owns 4 columns, so a warp moves 512 bytes of floats a row.
inline constexpr int walk_columns = 4;
inline constexpr int walk_strip = 32 * walk_columns;
inline constexpr int walk_warps = 4;
inline constexpr int walk_rows = 128;  ///< of a strip, at most

/// Rows of a strip in shared memory, whole rounds of the sums that a lane keeps: one is summed, the
/// others are on their way. With walk_blocks they are 36 to 60 KiB of reads on each multiprocessor,
/// where 20 keep the memory busy for the 0.6 us that it takes.
FALTUNG_HOST_DEVICE constexpr int walk_ring(int size) { return size == 3 ? 6 : size; }

/// Blocks of walk_kernel that fit a multiprocessor by their registers: taps, partial sums, a row.
constexpr int walk_blocks(int size, std::size_t accumulator_bytes, bool general) {
  if (general) return size == 3 && accumulator_bytes == 4 ? 3 : 2;
  return accumulator_bytes == 8 ? (size == 3 ? 4 : 3) : size == 3 ? 5 : size == 5 ? 4 : 3;
}

/// Whether walk_kernel computes it, with columns enough to keep its lanes busy.
constexpr bool can_walk(const Geometry& g, int accumulator_bytes) {
  const AxisGeometry& az = g.axis[0];
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  constexpr std::int64_t limit = std::int64_t{1} << 29;  // columns are counted in 32 bits
  const auto plain = [](const AxisGeometry& axis) {
    return axis.stride == 1 && axis.dilation == 1 && axis.input_dilation == 1;
  };
  const std::int64_t size = ax.filter;
  // The taps of a lane stay in registers: 49 floats or 25 doubles.
  const bool known = size == 3 || size == 5 || (size == 7 && accumulator_bytes == 4);
  return g.group_inputs == 1 && plain(az) && plain(ay) && plain(ax) && az.filter == 1 &&
         az.pad_lo == 0 && az.output <= az.input && ay.filter == size && known &&
         ay.x_stride >= 0 && ax.x_stride == 1 && ay.input < limit && ax.input < limit &&
         ax.output < limit && ax.pad_lo < limit && ax.pad_lo > -limit && ax.output >= 32;
}

/// Whether its vectors of columns are aligned if its pointers are multiples of 16 bytes.
constexpr bool walk_aligned(const Geometry& g, int accumulator_bytes) {
  const int vector = 16 / accumulator_bytes;
  const AxisGeometry& ax = g.axis[2];
  return (ax.pad_lo - ax.filter / 2) % vector == 0 && x_rows_aligned(g, vector) &&
         y_rows_aligned(g, vector);
}

/// Strips of 128 columns.
struct WalkTiling : TileGrid {
  bool general = false;  ///< sums are finished in order, whatever the epilogue and result
};

/// Strips for walk_kernel: as high as makes whole waves of them, at least 16 rows (an eighth more
/// reads for 3x3), at most 128.
inline WalkTiling walk_tiling(const Geometry& g, bool general, int accumulator_bytes,
                              const GpuLimits& device = {}) {
  WalkTiling t;
  t.general = general;
  t.cols = walk_strip;
  const std::int64_t output = g.axis[1].output;
  const std::int64_t strips =
      divide_up(g.axis[2].output, walk_strip) * g.axis[0].output * g.images();
  const auto size = static_cast<int>(g.axis[2].filter);
  const std::int64_t wave = std::int64_t{device.multiprocessors} * walk_warps *
                            walk_blocks(size, static_cast<std::size_t>(accumulator_bytes), general);
  // So many waves that the strips of one column are as many as are high enough.
  const std::int64_t fewest = std::max<std::int64_t>(1, divide_up(output, walk_rows));
  const std::int64_t waves = std::max<std::int64_t>(1, divide_up(fewest * strips, wave));
  const std::int64_t down = strips == 0 ? 1 : std::max<std::int64_t>(1, waves * wave / strips);
  t.rows = static_cast<int>(std::clamp<std::int64_t>(divide_up(output, down), 16, walk_rows));
  count_tiles(g, t);
  t.blocks = divide_up(t.tiles, walk_warps);
  return t;
}

}  // namespace faltung::cuda::direct

#pragma once

#include <string>

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/window_geometry.hpp"

namespace faltung::cuda::depthwise {

/// Most threads of a block: two of six warps on a multiprocessor leave a thread 168 registers. The
/// 49 taps of f64 7x7 alone are 98, so there one block has it for itself.
inline constexpr int window_threads = 192;
inline constexpr int window_max_x = 16;  ///< threads along a row of a tile

/// Whether the tiles of window_kernel fit, whatever the pass: small filters of f32 or f64, `same`
/// along rows. Dilated filters count with the zeros between their taps.
inline bool window_shape(const Problem& p, const Geometry& g) {
  if (p.input != DType::f32 && p.input != DType::f64) return false;
  const auto& [az, ay, ax] = g.axis;
  constexpr std::int64_t max = std::int64_t{1} << 28;
  for (const AxisGeometry* axis : {&az, &ay, &ax}) {
    if (axis->input > max || axis->output > max || axis->pad_lo > max || axis->pad_lo < -max) {
      return false;
    }
  }
  const std::int64_t size = spread(ax);
  const bool known = size == 3 || size == 5 || size == 7;
  const bool plane = az.filter == 1 && az.pad_lo == 0 && az.stride == 1 && az.input_dilation == 1 &&
                     az.output <= az.input;
  const bool volume = az.filter == 3 && size == 3;
  return known && (plane || volume) && spread(ay) == size && ax.pad_lo == size / 2 &&
         ax.x_stride == 1 && ax.y_stride == 1;
}

/// Whether no axis has a stride or a dilation.
constexpr bool unit_steps(const Geometry& g) {
  for (const AxisGeometry& axis : g.axis) {
    if (axis.stride != 1 || axis.dilation != 1 || axis.input_dilation != 1) return false;
  }
  return true;
}

/// Whether window_kernel computes it, then as dense(g): planes with stride 1 or 2 and any dilation,
/// volumes without either.
inline bool can_window(const Problem& p, const Geometry& g) {
  const bool steps = g.axis[1].stride == g.axis[2].stride && g.axis[2].stride <= 2;
  return p.pass != Pass::backward_filter && window_shape(p, g) && light_epilogue(p.epilogue) &&
         g.group_inputs == 1 && (unit_steps(g) || (g.axis[0].filter == 1 && steps));
}

/// Tiles for as many slots as `budget` bytes of shared memory hold; in volumes, runs of slices that
/// keep `multiprocessors` busy.
inline WindowTiling cut_windows(const Geometry& g, int bytes, int multiprocessors,
                                std::int64_t budget) {
  const auto& [az, ay, ax] = g.axis;
  const int columns = 16 / bytes;
  const int size = static_cast<int>(spread(ax));
  const int depth = static_cast<int>(az.filter);
  const int rows = window_rows(depth, size, bytes);
  WindowTiling t;
  t.threads_x =
      static_cast<int>(std::min<std::int64_t>(divide_up(ax.output, columns), window_max_x));
  const std::int64_t threads_y = divide_up(ay.output, rows);
  t.tiles_y = divide_up(threads_y, window_threads / t.threads_x);
  t.threads_y = static_cast<int>(divide_up(threads_y, t.tiles_y));
  t.cols = t.threads_x * columns;
  t.rows = t.threads_y * rows;
  t.left = static_cast<int>(round_up(size / 2, columns));
  t.pieces = t.threads_x + window_vectors(size, columns) - 1;
  t.smem_rows = t.rows + size - 1;
  // A step to the next thread row, in vectors, goes on where the last thread of a row stopped.
  t.skew = static_cast<int>(((t.threads_x - rows * t.pieces) % 8 + 8) % 8);
  const int vectors =
      t.smem_rows * t.pieces + static_cast<int>(divide_up(t.smem_rows, rows)) * t.skew;
  const int slot = t.threads_x * t.threads_y;
  t.tile_size = (vectors + (slot % 8 - vectors % 8 + 8) % 8) * columns;
  t.tiles_x = divide_up(ax.output, t.cols);
  t.tiles_y = divide_up(ay.output, t.rows);
  const std::int64_t planes = t.tiles_x * t.tiles_y * g.batch * g.channels;
  // Two blocks on a multiprocessor; 16 slices have read 2 again.
  t.slots = window_threads / slot;
  while (t.slots > 1 &&
         (window_stages(depth) * std::int64_t{t.slots} * t.tile_size * bytes > budget ||
          planes * az.output < std::int64_t{t.slots} * multiprocessors)) {
    --t.slots;
  }
  if (az.filter == 1) {
    t.tiles_z = az.output;
  } else {
    const std::int64_t even = planes * az.output / (std::int64_t{multiprocessors} * 2 * t.slots);
    t.run = static_cast<int>(
        std::min(az.output, std::max<std::int64_t>(16, std::min<std::int64_t>(even, 64))));
    t.tiles_z = divide_up(az.output, t.run);
  }
  t.tiles = planes * t.tiles_z;
  t.x_vectors = ay.input_dilation == 1 && ax.input_dilation == 1 &&
                rows_aligned(g, columns, g.x_batch, g.x_channel, &AxisGeometry::x_stride);
  t.y_vectors =
      g.thin == 1 && rows_aligned(g, columns, g.y_batch, g.y_channel, &AxisGeometry::y_stride);
  return t;
}

inline WindowTiling window_tiling(const Geometry& g, int bytes, const GpuLimits& device = {}) {
  WindowTiling t = cut_windows(g, bytes, device.multiprocessors, half_shared(device));
  if (g.axis[0].filter > 1) return t;
  const std::string kernel =
      kernel_name("depthwise::window_kernel",
                  {bytes == 8 ? "double" : "float", "1", std::to_string(spread(g.axis[2]))});
  t.run = whole_waves(device, kernel, static_cast<int>(round_up(t.threads(), 32)),
                      window_stages(1) * std::int64_t{t.slots} * t.tile_size * bytes,
                      divide_up(t.tiles, t.slots), 16);
  return t;
}

/// Blocks of a launch.
inline std::int64_t window_blocks(const Geometry& g, const WindowTiling& t) {
  return divide_up(t.tiles, std::int64_t{t.slots} * (g.axis[0].filter == 1 ? t.run : 1));
}

/// Bytes moved against the least. Half of the bytes are x; tiles and runs read what they share with
/// their neighbours again.
inline double window_again(const Geometry& g, const WindowTiling& t) {
  const double size = static_cast<double>(spread(g.axis[2]) - 1);
  const double halo = (t.tiles_y == 1 ? 1 : 1 + size / t.rows) *
                      (t.tiles_x == 1 ? 1 : 1 + 2.0 * t.left / t.cols) *
                      (g.axis[0].filter == 1 || t.tiles_z == 1 ? 1 : 1 + 2.0 / t.run);
  return (1 + halo) / 2;
}

}  // namespace faltung::cuda::depthwise

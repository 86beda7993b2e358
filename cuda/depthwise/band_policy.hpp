#pragma once

#include <string>

#include "cuda/depthwise/band_geometry.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda::depthwise {

inline constexpr int band_warps = 4;    ///< of a block
inline constexpr int band_columns = 4;  ///< column tiles of a warp

/// The steps compiled: filters of up to 41 columns in planes, up to 137 in single rows.
inline constexpr int band_steps[] = {1, 2, 3, 5, 9};
inline constexpr int band_plane_steps = 3;
/// Most rows of a strip that the registers allow with so many steps.
constexpr int band_strips(int steps) { return steps < 3 ? 4 : steps == 3 ? 2 : 1; }

/// Dynamic shared memory of a block, so that two share a multiprocessor.
constexpr std::int64_t half_shared(const GpuLimits& device) {
  return std::min<std::int64_t>(100 * 1024,
                                device.shared_of_multiprocessor / 2 - device.shared_reserved);
}

/// Steps of 16 window columns that 8 outputs and a filter of `size` columns need, and where the
/// outputs then begin: at an even column, so that two results make an aligned word, if possible at
/// a multiple of 8.
struct BandWindow {
  int steps = 0, offset = 0;
};
constexpr BandWindow band_window(std::int64_t size, std::int64_t pad, bool folded) {
  for (const int steps : band_steps) {
    if (steps > band_plane_steps && !folded) break;
    const std::int64_t max = pad + 16 * steps - 7 - size;
    if (max < pad) continue;
    for (const int multiple : {8, 4, 2}) {
      const std::int64_t offset =
          -divide_down(-pad, multiple) * multiple;  // the least that is >= pad
      if (offset <= max) return {steps, static_cast<int>(offset)};
    }
  }
  return {};
}

/// Elements of shared memory for one group of warps: two tiles and a filter.
constexpr std::int64_t band_group_size(const BandTiling& t) {
  return 2 * std::int64_t{t.tile_size} + t.tap_size;
}

/// The plain epilogues that stay in registers.
inline bool light_epilogue(const Epilogue& e) {
  return e.beta == 0 && e.activation.kind != ActivationKind::gelu &&
         e.activation.kind != ActivationKind::silu;
}

/// A single row, which is cut into strips.
constexpr bool band_folds(const Geometry& g) {
  const AxisGeometry& ay = g.axis[1];
  return ay.filter == 1 && ay.output == 1 && ay.pad_lo == 0;
}

/// What the kernels for tensor cores ask: steps of 1, dense rows, neither taps nor pads along the
/// slowest axis, and extents that fit 32-bit indices.
inline bool has_plain_planes(const Geometry& g) {
  const auto& [az, ay, ax] = g.axis;
  constexpr std::int64_t max = std::int64_t{1} << 28;
  for (const AxisGeometry* axis : {&az, &ay, &ax}) {
    if (axis->stride != 1 || axis->dilation != 1 || axis->input_dilation != 1) return false;
    if (axis->input > max || axis->output > max || axis->pad_lo > max || axis->pad_lo < -max) {
      return false;
    }
  }
  return az.filter == 1 && az.pad_lo == 0 && az.output <= az.input && ax.x_stride == 1 &&
         ax.y_stride == 1;
}

/// Whether band_kernel computes it; then band_tiling has groups > 0.
inline bool can_band(const Problem& p, const Geometry& g) {
  if (p.pass == Pass::backward_filter || (p.input != DType::f16 && p.input != DType::bf16)) {
    return false;
  }
  const AxisGeometry &ay = g.axis[1], &ax = g.axis[2];
  return light_epilogue(p.epilogue) && g.group_inputs == 1 && has_plain_planes(g) &&
         ay.filter <= 64 && band_window(ax.filter, ax.pad_lo, band_folds(g)).steps > 0;
}

/// Whether all rows begin at multiples of `vector` elements, if the tensor does.
constexpr bool rows_aligned(const Geometry& g, int vector, std::int64_t batch, std::int64_t channel,
                            std::int64_t AxisGeometry::*step) {
  return (g.batch == 1 || batch % vector == 0) && steps_are_multiples(g, channel, step, vector);
}

inline BandTiling band_tiling(const Geometry& g, const GpuLimits& device = {}) {
  const auto& [az, ay, ax] = g.axis;
  BandTiling t;
  t.folded = band_folds(g);
  const BandWindow window = band_window(ax.filter, ax.pad_lo, t.folded);
  t.steps = window.steps;
  t.offset = window.offset;
  t.left = static_cast<int>(divide_down(-window.offset, 8) * 8);
  t.before = -(t.left + t.offset);
  t.stage = t.before > 0 ? 8 : 0;
  const int max_strip = band_strips(t.steps);
  t.strip_log2 = 0;
  while (1 << t.strip_log2 < max_strip && 16 << t.strip_log2 < ay.output) ++t.strip_log2;
  t.strip = 1 << t.strip_log2;
  t.rows = static_cast<int>(std::min<std::int64_t>(16 * t.strip, ay.output));
  t.strips = static_cast<int>(divide_up(t.rows, t.strip));
  t.smem_rows = t.strips * t.strip + static_cast<int>(ay.filter) - 1;
  const int max_tiles = band_columns * band_warps;
  const int max_cols = 8 * max_tiles - t.stage;
  if (t.folded) {
    const std::int64_t pieces = divide_up(ax.output, std::int64_t{16} * max_cols);
    t.cols = static_cast<int>(round_up(divide_up(ax.output, 16 * pieces), 8));
    t.rows = static_cast<int>(std::min<std::int64_t>(divide_up(ax.output, t.cols), 16));
    t.strips = t.smem_rows = t.rows;
  } else {
    const bool whole = ax.output + t.before <= 8 * max_tiles;
    t.cols = whole ? static_cast<int>(ax.output) : max_cols;
  }
  t.column_tiles = static_cast<int>(divide_up(t.cols + t.before, 8));
  t.halves = t.column_tiles + 2 * t.steps - 1;
  t.pitch = 8 * t.halves;
  t.skew = t.strip * t.halves % 2 == 0 ? 8 : 0;
  t.tile_size = t.smem_rows * t.pitch + static_cast<int>(divide_up(t.smem_rows, t.strip)) * t.skew;
  t.tap_pitch = t.steps == 3 ? 80 : band_length(t.steps);  // the copies begin in different banks
  t.tap_size = static_cast<int>(ay.filter) * 2 * t.tap_pitch;
  // As many groups as have columns for their warps and room for their tiles.
  t.groups = band_warps;
  while (t.groups > 1 && (t.column_tiles * t.groups > band_columns * band_warps ||
                          t.groups * band_group_size(t) * 2 > half_shared(device))) {
    t.groups /= 2;
  }
  t.group_warps = band_warps / t.groups;
  t.tiles_x = divide_up(ax.output, t.folded ? t.cols * t.rows : t.cols);
  t.tiles_y = t.folded ? 1 : divide_up(ay.output, t.rows);
  t.tiles_z = az.output;
  t.tiles = t.tiles_x * t.tiles_y * t.tiles_z * g.batch * g.channels;
  if (t.steps > 0) {
    const std::string kernel = kernel_name(
        "depthwise::band_kernel", {"Half", std::to_string(t.strip), std::to_string(t.steps)});
    t.run = whole_waves(device, kernel, 32 * band_warps, t.groups * band_group_size(t) * 2,
                        divide_up(t.tiles, t.groups), 16);
  }
  t.x_vectors = rows_aligned(g, 8, g.x_batch, g.x_channel, &AxisGeometry::x_stride);
  t.y_vectors = rows_aligned(g, 8, g.y_batch, g.y_channel, &AxisGeometry::y_stride);
  return t;
}

/// Shared-memory wavefronts and mma of one tile, as band_kernel's comment counts them.
struct BandCounts {
  double wavefronts = 0, mma = 0;
};
inline BandCounts band_counts(const Geometry& g, const BandTiling& t) {
  const auto filter = static_cast<double>(g.axis[1].filter);
  const double passes = static_cast<double>(divide_up(t.column_tiles, band_columns));
  const double loads = 4 * ((band_columns + 2 * t.steps) / 2);
  BandCounts counts;
  const double taps = filter * 2 * static_cast<double>(divide_up(band_length(t.steps), 32));
  counts.wavefronts = t.smem_rows * t.halves / 8.0 + taps / t.run +
                      passes * ((filter + t.strip - 1) * loads + filter * 2 * t.steps) +
                      2.0 * t.strip * t.column_tiles +
                      t.rows * static_cast<double>(divide_up(t.column_tiles, 8));
  counts.mma = filter * t.strip * t.column_tiles * t.steps;
  return counts;
}

}  // namespace faltung::cuda::depthwise

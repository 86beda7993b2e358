#pragma once

#include <string>

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/channels_geometry.hpp"

namespace faltung::cuda::depthwise {

/// Whether channels_kernel computes it.
inline bool can_channels(const Problem& p, const Geometry& g) {
  const auto& [az, ay, ax] = g.axis;
  constexpr std::int64_t max = std::int64_t{1} << 28;
  for (const AxisGeometry* axis : {&az, &ay, &ax}) {
    if (axis->input > max || axis->output > max || axis->pad_lo > max || axis->pad_lo < -max) {
      return false;
    }
  }
  const bool steps = ax.stride <= 2 && (ay.stride == ax.stride || ay.output == 1) &&
                     ax.dilation <= 6 && ay.dilation <= 6;
  const bool plane = az.filter == 1 && az.pad_lo == 0 && az.stride == 1 && az.input_dilation == 1 &&
                     az.output <= az.input;
  return p.pass != Pass::backward_filter && p.input != DType::f64 && light_epilogue(p.epilogue) &&
         g.channels_last && g.group_inputs == 1 && g.group_outputs == 1 && g.x_channel == 1 &&
         g.y_channel == 1 && g.channels >= 8 && plane && steps && spread(ax) <= 7 &&
         spread(ay) <= 7;
}

/// Shared memory of a block, so that channels_blocks fit, in whole KiB.
constexpr std::int64_t channels_budget(int size, const GpuLimits& device = {}) {
  const std::int64_t all = device.shared_of_multiprocessor / 1024 - 8;
  return all / channels_blocks(size) * 1024;
}

inline ChannelsTiling channels_tiling(const Geometry& g, int bytes, const GpuLimits& device = {}) {
  const auto& [az, ay, ax] = g.axis;
  ChannelsTiling t;
  const std::int64_t extent = std::max(spread(ax), spread(ay));
  t.size = extent <= 3 ? 3 : extent <= 5 ? 5 : 7;
  t.stride = static_cast<int>(ax.stride);
  const int each = 4 / bytes;  // channels of a word
  const std::int64_t words = divide_up(g.channels, each);
  t.words = round_up(words, 32) * 10 > round_up(words, 16) * 11 ? 16 : 32;
  t.groups = divide_up(words, t.words);
  const int sub_rows = channels_rows(t.size, t.stride);
  // As large as fits; rows are given up first.
  for (int max_rows = 16, max_cols = 16;; (max_rows == max_cols ? max_rows : max_cols) /= 2) {
    const auto side = [](std::int64_t output, int max, int sub) {
      const std::int64_t tiles = std::max<std::int64_t>(1, divide_up(output, max));
      return static_cast<int>(std::max<std::int64_t>(sub, round_up(divide_up(output, tiles), sub)));
    };
    t.rows = side(ay.output, max_rows, sub_rows);
    t.cols = side(ax.output, max_cols, channels_columns);
    t.smem_rows = (t.rows - 1) * t.stride + t.size;
    t.smem_cols = (t.cols - 1) * t.stride + t.size;
    // 16 banks on after the rows of a sub-tile, in whole vectors.
    const int wanted = 16 / (sub_rows * t.stride);
    t.pitch = t.smem_cols * t.words;
    while (t.pitch % (2 * wanted) != wanted) t.pitch += 4;
    t.tile_size = t.smem_rows * t.pitch;
    if (max_cols == 4 || 2 * 4 * std::int64_t{t.tile_size} <= channels_budget(t.size, device))
      break;
  }
  t.tiles_x = divide_up(ax.output, t.cols);
  t.tiles_y = divide_up(ay.output, t.rows);
  t.tiles_z = az.output;
  t.tiles = t.tiles_x * t.tiles_y * t.tiles_z * g.batch * t.groups;
  const std::string kernel = kernel_name(
      "depthwise::channels_kernel",
      {bytes == 4 ? "float" : "Half", std::to_string(t.size), std::to_string(t.stride)});
  t.run = whole_waves(device, kernel, channels_threads, 8 * std::int64_t{t.tile_size}, t.tiles, 16);
  bool aligned = g.channels * bytes % 16 == 0 && g.x_batch * bytes % 16 == 0;
  bool words_aligned = g.channels % each == 0 && g.y_batch % each == 0;
  for (const AxisGeometry& axis : g.axis) {
    aligned = aligned && axis.x_stride * bytes % 16 == 0;
    words_aligned = words_aligned && axis.y_stride % each == 0;
  }
  t.x_vectors = aligned;
  t.y_words = words_aligned;
  return t;
}

}  // namespace faltung::cuda::depthwise

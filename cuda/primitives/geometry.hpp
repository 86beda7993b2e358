#pragma once

#include <faltung/problem.hpp>

#include "cuda/primitives/integers.hpp"
#include "cuda/primitives/place.hpp"

/// Problems as kernels see them: free of layouts, passes, flips and missing axes. Plain C++, so
/// that tests walk it without a GPU.
namespace faltung::cuda {

inline constexpr int max_rank = 3;

/// What every engine's geometry has. Result channel k reads `group_inputs` channels of x, from
/// first_input(k) on:
///
///     y[b,k,o] = sum over c < group_inputs, and r:  w[k,c,r] X[b, first_input(k) + c,
///                                                             o stride + r dilation - lo]
struct BaseGeometry {
  AxisGeometry axis[max_rank];    ///< slowest first; missing axes come first and have extent 1
  std::int64_t channels = 1;      ///< of the result
  std::int64_t group_inputs = 1;  ///< of x, to a group
  std::int64_t group_outputs = 1;
  std::int64_t x_channel = 0, y_channel = 0, w_input = 0;  ///< strides
  std::int64_t w_origin = 0;                               ///< of tap 0

  FALTUNG_HOST_DEVICE constexpr std::int64_t positions() const {
    return axis[0].output * axis[1].output * axis[2].output;
  }
  FALTUNG_HOST_DEVICE constexpr std::int64_t taps() const {
    return axis[0].filter * axis[1].filter * axis[2].filter;
  }
  FALTUNG_HOST_DEVICE constexpr std::int64_t first_input(std::int64_t k) const {
    return (group_outputs == 1 ? k : k / group_outputs) * group_inputs;
  }
};

/// The same with a batch of several axes, and filters of groups.
struct BatchGeometry : BaseGeometry {
  OuterAxis outer[max_spatial_rank];
  int outer_count = 0;
  std::int64_t w_group = 0, w_output = 0;  ///< strides

  /// Images of all channels.
  [[nodiscard]] constexpr std::int64_t images() const {
    std::int64_t count = channels;
    for (int i = 0; i < outer_count; ++i) count *= outer[i].extent;
    return count;
  }
  /// Offset of tap 0 of channel k.
  FALTUNG_HOST_DEVICE constexpr std::int64_t filter_of(std::int64_t k) const {
    return w_origin + k / group_outputs * w_group + k % group_outputs * w_output;
  }
};

/// How outputs are cut into tiles; each kernel adds what else it needs to know. Changes speed, and
/// results only where it says so.
struct TileGrid {
  int cols = 1, rows = 1;  ///< outputs of a tile
  std::int64_t depth = 1;  ///< along the first axis
  std::int64_t tiles_x = 1, tiles_y = 1, tiles_z = 1;
  std::int64_t tiles = 1;   ///< of all images and channels
  std::int64_t blocks = 1;  ///< of a launch; they walk over the tiles
};

/// Counts the tiles of `cols` x `rows` x `depth`, and takes a block for each.
constexpr void count_tiles(const BatchGeometry& g, TileGrid& t) {
  t.tiles_x = divide_up(g.axis[2].output, t.cols);
  t.tiles_y = divide_up(g.axis[1].output, t.rows);
  t.tiles_z = divide_up(g.axis[0].output, t.depth);
  t.blocks = t.tiles = t.tiles_x * t.tiles_y * t.tiles_z * g.images();
}

/// Where a tile lies. The grid walks columns, rows, slices, channels, images in this order.
struct TileIndex {
  std::int64_t z, y, x;           ///< first output
  std::int64_t k;                 ///< output channel
  std::int64_t x_image, y_image;  ///< offsets of the image and its (first) channel
};

FALTUNG_HOST_DEVICE constexpr TileIndex tile_index(const BatchGeometry& g, const TileGrid& t,
                                                   std::int64_t number) {
  TileIndex at{};
  at.x = number % t.tiles_x * t.cols;
  number /= t.tiles_x;
  at.y = number % t.tiles_y * t.rows;
  number /= t.tiles_y;
  at.z = number % t.tiles_z * t.depth;
  number /= t.tiles_z;
  at.k = number % g.channels;
  number /= g.channels;
  at.x_image = g.first_input(at.k) * g.x_channel;
  at.y_image = at.k * g.y_channel;
  for (int i = g.outer_count; i-- > 0;) {
    at.x_image += number % g.outer[i].extent * g.outer[i].x_stride;
    at.y_image += number % g.outer[i].extent * g.outer[i].y_stride;
    number /= g.outer[i].extent;
  }
  return at;
}

/// Whether all steps along channels and axes but the last, as far as there is more than one of
/// them, are multiples of `count` elements.
constexpr bool steps_are_multiples(const BaseGeometry& g, std::int64_t channel,
                                   std::int64_t AxisGeometry::*step, int count) {
  bool fit = g.channels == 1 || channel % count == 0;
  for (int i = 0; i < max_rank - 1; ++i) {
    const bool several = g.axis[i].input != 1 || g.axis[i].output != 1;
    fit = fit && (!several || g.axis[i].*step % count == 0);
  }
  return fit;
}

/// Whether all rows of x or y begin at multiples of `count` neighbouring elements, if the tensor
/// does.
constexpr bool x_rows_aligned(const BatchGeometry& g, int count) {
  bool fit = steps_are_multiples(g, g.x_channel, &AxisGeometry::x_stride, count);
  for (int i = 0; i < g.outer_count; ++i) {
    fit = fit && (g.outer[i].extent == 1 || g.outer[i].x_stride % count == 0);
  }
  return fit && g.axis[2].x_stride == 1;
}
constexpr bool y_rows_aligned(const BatchGeometry& g, int count) {
  bool fit = steps_are_multiples(g, g.y_channel, &AxisGeometry::y_stride, count);
  for (int i = 0; i < g.outer_count; ++i) {
    fit = fit && (g.outer[i].extent == 1 || g.outer[i].y_stride % count == 0);
  }
  return fit && g.axis[2].y_stride == 1;
}

}  // namespace faltung::cuda

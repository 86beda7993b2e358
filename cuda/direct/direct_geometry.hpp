#pragma once

#include <cstdint>

#include "cuda/primitives/place.hpp"

#include <faltung/problem.hpp>

namespace faltung::cuda::direct {

inline constexpr int max_rank = 3;

/// What the kernel computes, free of layouts, passes, flips and missing axes:
///
///     y[b,k,o] = sum over c in the group of k, and r:  w[k,c,r] X[b,c, o stride + r dilation - lo]
struct Geometry {
  AxisGeometry axis[max_rank];  ///< slowest first; missing axes come first and have extent 1
  OuterAxis outer[max_spatial_rank];
  int outer_count = 0;
  std::int64_t groups = 1, group_inputs = 1, group_outputs = 1;
  std::int64_t x_channel = 0, y_channel = 0;              ///< strides
  std::int64_t w_group = 0, w_output = 0, w_input = 0;    ///< strides
  std::int64_t x_origin = 0, w_origin = 0, y_origin = 0;  ///< offsets of index 0
  bool conjugate = false;
};

/// How the work is cut: a block sums one tile of outputs of one channel of one image, `rows` x
/// `cols` of the two last axes, for a chunk of taps at a time.
struct Tiling {
  int threads_x = 32, threads_y = 8;
  int rows = 1, cols = 1;              ///< outputs
  bool folded = false;                 ///< the rows are consecutive pieces of one row
  int chunk_rows = 1, chunk_cols = 1;  ///< taps
  /// A window holds the positions that the outputs of the tile meet with the taps of the chunk,
  /// `step` apart.
  std::int64_t step_y = 1, step_x = 1;
  int window_rows = 1, window_cols = 1;
  int pitch = 1;                         ///< window values between the rows of the tile
  int output_rows = 1, output_cols = 1;  ///< window rows and values between neighbouring outputs
  int tap_rows = 1, tap_cols = 1;        ///< and between neighbouring taps
  int tap_pitch = 1;                     ///< taps are kept in rows of this length
  bool dense = false;                    ///< neighbours in x and w are neighbours in the window
  std::int64_t tiles_y = 1, tiles_x = 1;
  std::int64_t tiles = 1;   ///< of all images and channels
  std::int64_t blocks = 1;  ///< of kernels whose blocks walk over tiles
  int window_size = 1, taps_size = 1;
  int lead = 0;            ///< of band_kernel: columns of zeros before the taps
  bool general = false;    ///< sums are finished in order, whatever the epilogue and result
  std::int64_t depth = 1;  ///< outputs of a tile along the first axis

  FALTUNG_HOST_DEVICE constexpr int threads() const { return threads_x * threads_y; }
};

/// Where a tile lies. The grid walks columns, rows, slices, output channels, images in this order.
struct TileIndex {
  std::int64_t z, y, x;           ///< first output
  std::int64_t k;                 ///< output channel
  std::int64_t x_image, y_image;  ///< offsets of the image
};

FALTUNG_HOST_DEVICE constexpr TileIndex tile_index(const Geometry& g, const Tiling& t,
                                                   std::int64_t number) {
  TileIndex at{};
  at.x = number % t.tiles_x * (t.folded ? std::int64_t{t.rows} * t.cols : t.cols);
  number /= t.tiles_x;
  at.y = number % t.tiles_y * (t.folded ? 1 : t.rows);
  number /= t.tiles_y;
  const std::int64_t slabs =
      t.depth == 1 ? g.axis[0].output : (g.axis[0].output + t.depth - 1) / t.depth;
  at.z = number % slabs * t.depth;
  number /= slabs;
  at.k = number % (g.groups * g.group_outputs);
  number /= g.groups * g.group_outputs;
  at.x_image = g.x_origin;
  at.y_image = g.y_origin;
  for (int i = g.outer_count; i-- > 0;) {
    at.x_image += number % g.outer[i].extent * g.outer[i].x_stride;
    at.y_image += number % g.outer[i].extent * g.outer[i].y_stride;
    number /= g.outer[i].extent;
  }
  return at;
}

}  // namespace faltung::cuda::direct

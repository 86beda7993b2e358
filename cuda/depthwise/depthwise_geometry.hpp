#pragma once

#include <cstdint>

#include "cuda/primitives/geometry.hpp"

namespace faltung::cuda::depthwise {

/// One filter per channel: the forward pass has one input to a result and several results to an
/// input; the data gradient, where x is dy, has it the other way round.
struct Geometry : BaseGeometry {
  std::int64_t batch = 1;
  std::int64_t x_batch = 0, y_batch = 0, w_channel = 0;  ///< strides
  int thin = 1;                ///< 2: only results of even rows and columns are kept; see dense()
  bool channels_last = false;  ///< neighbouring results are neighbouring channels
};

/// Extent of a filter with its dilation: the taps between are zeros.
FALTUNG_HOST_DEVICE constexpr std::int64_t spread(const AxisGeometry& axis) {
  return (axis.filter - 1) * axis.dilation + 1;
}

/// Stride 2 of rows and columns as stride 1 whose results are not all kept: for kernels that wait
/// for memory, not for products.
FALTUNG_HOST_DEVICE constexpr Geometry dense(Geometry g) {
  if (g.axis[1].stride != 2 || g.axis[2].stride != 2) return g;
  g.thin = 2;
  for (int i = 1; i < max_rank; ++i) {
    g.axis[i].stride = 1;
    g.axis[i].output = g.axis[i].output == 0 ? 0 : 2 * g.axis[i].output - 1;
  }
  return g;
}

/// Where a tile of one plane lies.
struct PlaneTile {
  std::int64_t k;  ///< channel, or group of channels
  std::int64_t b, z;
  int y, x;  ///< first output
};

/// Tiles of a plane, slices or runs of them, images, then channels, so that a run keeps its filter.
/// The rows of a `folded` tiling are consecutive pieces of one row.
template <typename Tiling>
FALTUNG_HOST_DEVICE constexpr PlaneTile plane_tile(const Geometry& g, const Tiling& t,
                                                   std::int64_t number) {
  const Quotient column = divide(number, t.tiles_x);
  const Quotient row = divide(column.whole, t.tiles_y);
  const Quotient slice = divide(row.whole, t.tiles_z);
  const Quotient image = divide(slice.whole, g.batch);
  PlaneTile at{image.whole, image.rest, slice.rest, static_cast<int>(row.rest) * t.rows,
               static_cast<int>(column.rest) * t.cols};
  if constexpr (requires { t.folded; }) {
    if (t.folded) at.x *= t.rows;
  }
  return at;
}

/// One result.
struct Output {
  std::int64_t b, k;
  std::int64_t o[max_rank];
};

/// Splits a number below positions() into output indices.
FALTUNG_HOST_DEVICE constexpr void split_position(const Geometry& g, std::int64_t number,
                                                  std::int64_t (&o)[max_rank]) {
  const Quotient x = divide(number, g.axis[2].output);
  const Quotient y = divide(x.whole, g.axis[1].output);
  o[2] = x.rest;
  o[1] = y.rest;
  o[0] = y.whole;
}

/// The results in the order of memory: the last axis fastest, or the channel.
FALTUNG_HOST_DEVICE constexpr Output output_at(const Geometry& g, std::int64_t number) {
  Output at{};
  Quotient outer{number, 0};
  if (g.channels_last) {
    outer = divide(number, g.channels);
    at.k = outer.rest;
  }
  const Quotient positions = divide(outer.whole, g.positions());
  split_position(g, positions.rest, at.o);
  at.b = positions.whole;
  if (!g.channels_last) {
    const Quotient image = divide(positions.whole, g.channels);
    at.b = image.whole;
    at.k = image.rest;
  }
  return at;
}

/// Threads of a block of gather_kernel and gradient_sum_kernel.
inline constexpr int gather_threads = 256;

/// Taps of one block of gradient_kernel: each product of dy and x that a thread loads is added to
/// its own sum.
inline constexpr int gradient_taps = 8;
inline constexpr int gradient_warps = 8;  ///< of its blocks

/// How the filter gradient is cut: `chunks` pieces of `chunk` positions of all images together.
/// Block (channel group, piece) sums products for `block_channels` channels.
struct GradientCut {
  std::int64_t chunk = 1, chunks = 1;
  int block_channels = 1;  ///< lanes along channels where they are neighbours, else one
  std::int64_t channel_groups = 1;
};

/// Threads that share the pieces of one element of dw: as many as leave each about 16, and at most
/// 32, so that 8 neighbours, the sector of a load, stay in a block. By the shape alone.
FALTUNG_HOST_DEVICE constexpr int gradient_parts(std::int64_t pieces) {
  int parts = 1;
  while (parts < 32 && pieces > 16 * parts) parts *= 2;
  return parts;
}

}  // namespace faltung::cuda::depthwise

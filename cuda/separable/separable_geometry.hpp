#pragma once

#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/primitives/place.hpp"

namespace faltung::cuda::separable {

inline constexpr int max_rank = 3;

/// What the kernels compute, free of layouts, passes, flips and missing axes:
///
///     y[b,k,o] = sum over r:  w[k,r] X[b,c of k,o + r - lo]
///     w[k,r] = sum of `terms` products of a factor per axis
struct Geometry {
  AxisGeometry axis[max_rank];  ///< slowest first; a missing first axis has extent 1
  OuterAxis outer[max_spatial_rank];
  int outer_count = 0;
  int terms = 1;
  std::int64_t channels = 1;       ///< of the result
  std::int64_t group_outputs = 1;  ///< neighbouring channels of y that read the same one of x
  std::int64_t x_channel = 0, y_channel = 0;
  std::int64_t w_group = 0, w_output = 0;
  std::int64_t w_origin = 0;  ///< of tap 0
};

/// Taps of all lines of an axis: sums of several outer products have two axes.
FALTUNG_HOST_DEVICE constexpr std::int64_t line_taps(const Geometry& g, int axis) {
  return (axis == 0 ? 1 : g.terms) * g.axis[axis].filter;
}

/// How a sum becomes a result: as it is; as a type of one or two bytes without an epilogue, from
/// sums of four; or by the code for everything.
enum class Finish : std::uint8_t { plain, narrow, any };

/// Input rows of a step, one for each lane of a warp.
inline constexpr int step_rows = 32;

/// How the kernels cut an image. A block of plane_kernel walks down a strip of columns, step_rows
/// input rows at a time; one of volume_kernel through the slices of a tile. Pitches and extents in
/// elements.
struct Strips {
  int columns = 128;        ///< outputs
  int rows = 32;            ///< outputs
  int slices = 1;           ///< outputs
  int steps = 1;            ///< of one strip
  int lag = 0;              ///< rows by which results follow the input: filter - 1, rounded up
  int shift = 0;            ///< taps of 0 before the first: they make vectors of x aligned
  bool x_vectors = false;   ///< whole vectors of x can be loaded
  bool y_vectors = false;   ///< whole vectors of y can be stored
  int stage_columns = 132;  ///< of x: outputs and the taps' reach, in whole vectors
  int stage_pitch = 132;
  int ring_rows = 32;  ///< of the sums along the rows, of one term
  int ring_pitch = 132;
  std::int64_t across = 1, down = 1, deep = 1;  ///< strips of an image
  std::int64_t count = 1;                       ///< of all images and channels
};

/// Where a strip lies. The grid walks columns, rows, slices, channels, images in this order.
struct StripIndex {
  std::int64_t x, y, z;           ///< first output
  std::int64_t k;                 ///< channel of the result
  std::int64_t x_image, y_image;  ///< offsets of image and channel, without the slice
};

FALTUNG_HOST_DEVICE constexpr StripIndex strip_index(const Geometry& g, const Strips& s,
                                                     std::int64_t number) {
  StripIndex at{};
  at.x = number % s.across * s.columns;
  number /= s.across;
  at.y = number % s.down * s.rows;
  number /= s.down;
  at.z = number % s.deep * s.slices;
  number /= s.deep;
  at.k = number % g.channels;
  number /= g.channels;
  at.x_image = at.k / g.group_outputs * g.x_channel;
  at.y_image = at.k * g.y_channel;
  for (int i = g.outer_count; i-- > 0;) {
    at.x_image += number % g.outer[i].extent * g.outer[i].x_stride;
    at.y_image += number % g.outer[i].extent * g.outer[i].y_stride;
    number /= g.outer[i].extent;
  }
  return at;
}

}  // namespace faltung::cuda::separable

#pragma once

#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/primitives/integers.hpp"
#include "cuda/primitives/place.hpp"

/// The matrices of a problem. Plain C++, so that tests walk them without a GPU.
namespace faltung::cuda::im2col {

inline constexpr int max_rank = 3;

/// A problem free of layouts, flips and missing axes, group by group:
///
///     y[k, m] = sum over d of  w[k, d] X[d, m]
///
/// Row d of the columns X is a channel of the group and a tap; column m an image and an output. The
/// filter gradient is w[k, d] = sum over m of y[k, m] X[d, m]. The data gradient is a forward
/// problem on dy, which is x here.
struct Geometry {
  AxisGeometry axis[max_rank];  ///< slowest first; missing axes come first and have extent 1
  OuterAxis outer[max_spatial_rank];
  int outer_count = 0;
  std::int64_t groups = 1, group_inputs = 1, group_outputs = 1;
  std::int64_t x_channel = 0, y_channel = 0;  ///< strides
  /// Strides, and the offset of tap 0.
  std::int64_t w_group = 0, w_output = 0, w_input = 0, w_origin = 0;
  bool channel_fastest = false;  ///< d counts taps and then channels, not channels and then taps
  bool rows_fastest = false;     ///< X lies in memory as [m][d], y as [m][k]; else [d][m], [k][m]

  FALTUNG_HOST_DEVICE constexpr std::int64_t outputs() const {
    return axis[0].output * axis[1].output * axis[2].output;
  }
  FALTUNG_HOST_DEVICE constexpr std::int64_t taps() const {
    return axis[0].filter * axis[1].filter * axis[2].filter;
  }
  FALTUNG_HOST_DEVICE constexpr std::int64_t depth() const { return group_inputs * taps(); }
  FALTUNG_HOST_DEVICE constexpr std::int64_t row(std::int64_t channel, std::int64_t tap) const {
    return channel_fastest ? tap * group_inputs + channel : channel * taps() + tap;
  }
  constexpr std::int64_t images() const {
    std::int64_t count = 1;
    for (int i = 0; i < outer_count; ++i) count *= outer[i].extent;
    return count;
  }
};

/// Some columns: whole images, or a part of one.
struct Chunk {
  std::int64_t image = 0, images = 1;    ///< the first, and how many
  std::int64_t output = 0, outputs = 1;  ///< likewise, of each image
  FALTUNG_HOST_DEVICE constexpr std::int64_t positions() const { return images * outputs; }
};

/// Three numbers that count through the axes.
struct Index {
  std::int64_t at[max_rank];
};
FALTUNG_HOST_DEVICE constexpr Index unravel(std::int64_t number, std::int64_t middle,
                                            std::int64_t last) {
  const Quotient fast = divide(number, last);
  const Quotient slow = divide(fast.whole, middle);
  return {{slow.whole, slow.rest, fast.rest}};
}
FALTUNG_HOST_DEVICE constexpr Index output_at(const Geometry& g, std::int64_t number) {
  return unravel(number, g.axis[1].output, g.axis[2].output);
}
FALTUNG_HOST_DEVICE constexpr Index tap_at(const Geometry& g, std::int64_t number) {
  return unravel(number, g.axis[1].filter, g.axis[2].filter);
}

/// Offsets of an image.
struct Image {
  std::int64_t x = 0, y = 0;
};
FALTUNG_HOST_DEVICE constexpr Image image_at(const Geometry& g, std::int64_t number) {
  Image image;
  for (int i = g.outer_count; i-- > 0;) {
    const Quotient q = divide(number, g.outer[i].extent);
    image.x += q.rest * g.outer[i].x_stride;
    image.y += q.rest * g.outer[i].y_stride;
    number = q.whole;
  }
  return image;
}

/// A column of a chunk.
struct Column {
  Image image;
  Index output;
};
FALTUNG_HOST_DEVICE constexpr Column column_at(const Geometry& g, const Chunk& chunk,
                                               std::int64_t m) {
  const Quotient q = divide(m, chunk.outputs);
  return {image_at(g, chunk.image + q.whole), output_at(g, chunk.output + q.rest)};
}

/// What stands under a tap of an output, `Place::offset` elements into the image's channel.
FALTUNG_HOST_DEVICE constexpr Place place_at(const Geometry& g, const Index& output,
                                             const Index& tap) {
  Place place;
  for (int i = 0; i < max_rank; ++i) {
    const AxisGeometry& axis = g.axis[i];
    place = place_along(axis, place,
                        output.at[i] * axis.stride + tap.at[i] * axis.dilation - axis.pad_lo);
  }
  return place;
}

FALTUNG_HOST_DEVICE constexpr std::int64_t y_offset(const Geometry& g, const Column& column) {
  std::int64_t offset = column.image.y;
  for (int i = 0; i < max_rank; ++i) offset += column.output.at[i] * g.axis[i].y_stride;
  return offset;
}

FALTUNG_HOST_DEVICE constexpr std::int64_t w_offset(const Geometry& g, std::int64_t group,
                                                    std::int64_t k, std::int64_t channel,
                                                    std::int64_t tap) {
  std::int64_t offset = g.w_origin + group * g.w_group + k * g.w_output + channel * g.w_input;
  const Index r = tap_at(g, tap);
  for (int i = 0; i < max_rank; ++i) offset += r.at[i] * g.axis[i].w_stride;
  return offset;
}

}  // namespace faltung::cuda::im2col

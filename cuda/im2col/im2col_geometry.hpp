#pragma once

#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/primitives/geometry.hpp"

/// The matrices of a problem. Plain C++, so that tests walk them without a GPU.
namespace faltung::cuda::im2col {

/// A problem free of layouts, flips and missing axes, group by group:
///
///     y[k, m] = sum over d of  w[k, d] X[d, m]
///
/// Row d of the columns X is a channel of the group and a tap; column m an image and an output. The
/// filter gradient is w[k, d] = sum over m of y[k, m] X[d, m]. The data gradient is a forward
/// problem on dy, which is x here.
///
/// Complex numbers are two neighbours each in X, as two rows d of real ones, and so in y. For
/// their product w has two rows, (re, -im) and (im, re); of filter gradients the four products of
/// parts are summed one by one.
///
/// Of u8, 128 is taken from each element, zeros of a frame too, which makes them i8. With X = X'+s
/// and w = w'+t
///
///     sum of w X = sum of w' X' + s sum of w' + t sum of X' + s t terms
///
/// where the two sums of one factor are products, too: by a column of ones in X (a row of them in
/// filter gradients), and by a row of ones in w (or dy).
struct Geometry : BatchGeometry {
  std::int64_t groups = 1;
  bool channel_fastest = false;  ///< d counts taps and then channels, not channels and then taps
  bool rows_fastest = false;     ///< X lies in memory as [m][d], y as [m][k]; else [d][m], [k][m]
  bool conjugates = false;       ///< of complex numbers, those of w
  bool conjugates_x = false;     ///< in filter gradients those of X are, else those of dy

  FALTUNG_HOST_DEVICE constexpr std::int64_t outputs() const { return positions(); }
  FALTUNG_HOST_DEVICE constexpr std::int64_t depth() const { return group_inputs * taps(); }
  FALTUNG_HOST_DEVICE constexpr std::int64_t row(std::int64_t channel, std::int64_t tap) const {
    return channel_fastest ? tap * group_inputs + channel : channel * taps() + tap;
  }
  /// Of all channels together.
  [[nodiscard]] constexpr std::int64_t images() const { return BatchGeometry::images() / channels; }
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

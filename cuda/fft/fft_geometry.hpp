#pragma once

#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/primitives/integers.hpp"
#include "cuda/primitives/place.hpp"

/// Where the elements of x, w and y stand in the blocks that are transformed. Plain C++, so that
/// tests walk it without a GPU.
namespace faltung::cuda::fft {

inline constexpr int max_rank = 3;

inline constexpr int threads = 256;
/// Points or elements of one channel that a block of threads takes at a time.
inline constexpr std::uint32_t chunk = 8 * threads;

/// Rows and columns of sums that a thread of product_kernel forms at once; one column, if that is
/// all.
inline constexpr int product_rows = 4;
inline constexpr int product_columns = 4;

/// How an axis is cut. With R' the reach of the filter, a block that begins at extended position B
/// holds along it
///
///     x       from position B on, at 0, 1, ...
///     tap r   at R'-1 - r dilation
///     y       output o at R'-1 + o stride - B, if that is no less than `low`
///
/// so that in every pass what a cyclic product wraps around meets nothing that is kept. Blocks
/// share no outputs, but for the data gradient, where they share no positions. An axis with one tap
/// has length 1: its outputs are blocks of their own.
struct BlockAxis {
  std::int64_t length = 1;    ///< points
  std::int64_t step = 1;      ///< positions from one block to the next
  std::int64_t tiles = 1;     ///< blocks
  std::int64_t origin = 0;    ///< where the first block begins
  std::int64_t end = 1;       ///< past the last position that holds anything
  std::int64_t low = 0;       ///< the first place of an output
  std::int64_t tile = 1;      ///< outputs of a block at most
  std::int64_t elements = 1;  ///< of x at most that are stored from a block, or from all of them
};

/// A problem free of layouts, flips and missing axes. Axes are those of the forward pass, whichever
/// the pass is.
struct Geometry {
  AxisGeometry axis[max_rank];  ///< slowest first; missing axes come first and have extent 1
  BlockAxis block[max_rank];
  OuterAxis outer[max_spatial_rank];
  int outer_count = 0;
  std::int64_t groups = 1, group_inputs = 1, group_outputs = 1;
  std::int64_t x_channel = 0, y_channel = 0;             ///< strides
  std::int64_t w_output = 0, w_input = 0, w_origin = 0;  ///< strides, and offset of tap 0
  bool conjugate = false;                                ///< the filter
  bool folds = false;       ///< positions of all blocks of an image show the same elements
  std::int64_t images = 1;  ///< of the outer axes
  std::int64_t blocks = 1;  ///< of one channel of an image
  std::int64_t points = 1;  ///< of a block

  FALTUNG_HOST_DEVICE constexpr std::int64_t inputs() const { return groups * group_inputs; }
  FALTUNG_HOST_DEVICE constexpr std::int64_t outputs() const { return groups * group_outputs; }
  FALTUNG_HOST_DEVICE constexpr std::int64_t pairs() const { return outputs() * group_inputs; }
  /// Blocks of one channel of all images.
  FALTUNG_HOST_DEVICE constexpr std::int64_t units() const { return images * blocks; }
};

/// Channels that are transformed together: so many inputs and outputs of each of so many groups,
/// all of a group where there are several. Those past the last are zeros.
struct Section {
  std::int64_t group = 0, input = 0, output = 0;     ///< the first of each
  std::int64_t groups = 1, inputs = 1, outputs = 1;  ///< how many; inputs and outputs of a group
};

/// Marks of an array: for each chunk of its points, and last for all of them, a word that is not 0
/// if it was given numbers that are not finite. Sections of channels that come one after the other
/// share marks, which then tell of each of them; they spare work and change no result.
FALTUNG_HOST_DEVICE constexpr std::int64_t mark_words(const Geometry& g) {
  return divide_up(g.points, std::int64_t{chunk}) + 1;
}
inline constexpr std::size_t mark_bytes = sizeof(unsigned);

/// R'.
FALTUNG_HOST_DEVICE constexpr std::int64_t reach(const AxisGeometry& axis) {
  return (axis.filter - 1) * axis.dilation + 1;
}

/// Where block `tile` begins: B.
FALTUNG_HOST_DEVICE constexpr std::int64_t begin_of(const BlockAxis& block, std::int64_t tile) {
  return block.origin + tile * block.step;
}

/// Outputs of a block: `count` from `first` on, the first at `place`.
struct BlockOutputs {
  std::int64_t first, count, place;
};
FALTUNG_HOST_DEVICE constexpr BlockOutputs outputs_of(const AxisGeometry& axis,
                                                      const BlockAxis& block, std::int64_t tile) {
  const std::int64_t zero = reach(axis) - 1 - begin_of(block, tile);  // place of output 0
  const std::int64_t first = zero >= block.low ? 0 : divide_up(block.low - zero, axis.stride);
  const std::int64_t place = zero + first * axis.stride;
  // At most one stride further than the first might be.
  const std::int64_t max = (block.low + block.tile * axis.stride - 1 - place) / axis.stride + 1;
  const std::int64_t left = axis.output - first;
  return {first, left < max ? left : max, place};
}

/// Points of a block that hold x, where it is loaded.
FALTUNG_HOST_DEVICE constexpr std::int64_t window(const AxisGeometry& axis, const BlockAxis& block,
                                                  std::int64_t tile) {
  const BlockOutputs outputs = outputs_of(axis, block, tile);
  const std::int64_t seen = outputs.place + (outputs.count - 1) * axis.stride + 1;
  const std::int64_t there = block.end - begin_of(block, tile);
  return seen < there ? seen : there;
}

/// The first element of x that is stored from block `tile` on where nothing folds. What no block
/// holds belongs to the first and to the last.
FALTUNG_HOST_DEVICE constexpr std::int64_t first_element(const AxisGeometry& axis,
                                                         const BlockAxis& block,
                                                         std::int64_t tile) {
  if (tile <= 0) return 0;
  if (tile >= block.tiles) return axis.input;
  const std::int64_t from = begin_of(block, tile) - axis.pad_lo;
  const std::int64_t first = from <= 0 ? 0 : divide_up(from, axis.input_dilation);
  return first < axis.input ? first : axis.input;
}

/// A block: its image, and its tile along each axis.
struct Unit {
  std::int64_t x = 0, y = 0;  ///< offsets of the image
  std::int64_t tile[max_rank] = {};
};

FALTUNG_HOST_DEVICE constexpr Unit unit_at(const Geometry& g, std::int64_t number) {
  Unit unit;
  for (int a = max_rank; a-- > 0;) {
    unit.tile[a] = number % g.block[a].tiles;
    number /= g.block[a].tiles;
  }
  for (int i = g.outer_count; i-- > 0;) {
    unit.x += number % g.outer[i].extent * g.outer[i].x_stride;
    unit.y += number % g.outer[i].extent * g.outer[i].y_stride;
    number /= g.outer[i].extent;
  }
  return unit;
}

/// `count` positions from `first` on.
struct Progression {
  std::int64_t first = 0, step = 1, count = 0;
};

/// Of ... , first - period, first, first + period, ...: those within [low, high].
FALTUNG_HOST_DEVICE constexpr Progression within(std::int64_t first, std::int64_t period,
                                                 std::int64_t low, std::int64_t high) {
  if (low > high) return {};
  const std::int64_t begin = low + positive_remainder(first - low, period);
  return {begin, period, begin > high ? 0 : (high - begin) / period + 1};
}

/// An element stands at its own place and, beyond each end, at the places of up to two
/// progressions.
inline constexpr int families = 5;

/// One of them for element `i`, within the positions [low, high] of the extended, dilated axis.
FALTUNG_HOST_DEVICE constexpr Progression positions(const AxisGeometry& axis, std::int64_t i,
                                                    int family, std::int64_t low,
                                                    std::int64_t high) {
  const std::int64_t n = axis.dilated_input();
  const std::int64_t z = i * axis.input_dilation;
  if (family == 0) return {z, 1, z >= low && z <= high ? 1 : 0};
  const bool below = family < 3;
  const bool mirrored = family % 2 == 1;  // runs against the axis
  if (below) {
    high = high < -1 ? high : -1;
  } else {
    low = low > n ? low : n;
  }
  switch (below ? axis.below.kind : axis.above.kind) {
    case BoundaryKind::nearest:
      if (!mirrored || z != (below ? 0 : n - 1)) return {};
      return within(0, 1, low, high);
    case BoundaryKind::reflect:
      return within(mirrored ? -1 - z : z, 2 * n, low, high);
    case BoundaryKind::mirror:
      // The ends of the axis are their own mirror images.
      if (!mirrored && (z == 0 || z == n - 1)) return {};
      return within(mirrored ? -z : z, n > 1 ? 2 * n - 2 : 1, low, high);
    case BoundaryKind::wrap:
      if (!mirrored) return {};
      return within(z, n, low, high);
    default:
      return {};
  }
}

/// Calls f(z) for the positions z of the extended, dilated axis, within [low, high], at which
/// element `i` stands; always in the same order.
template <typename F>
FALTUNG_HOST_DEVICE constexpr void for_each_position(const AxisGeometry& axis, std::int64_t i,
                                                     std::int64_t low, std::int64_t high,
                                                     const F& f) {
  for (int family = 0; family < families; ++family) {
    const Progression p = positions(axis, i, family, low, high);
    for (std::int64_t k = 0; k < p.count; ++k) f(p.first + k * p.step);
  }
}

}  // namespace faltung::cuda::fft

#pragma once

#include <cstdint>

#include "cuda/primitives/place.hpp"

namespace faltung::cuda::depthwise {

inline constexpr int max_rank = 3;

/// One filter per channel, free of layouts, passes, flips and missing axes. Result channel k reads
/// `inputs` channels of x, from k / multiplier inputs on:
///
///     y[b,k,o] = sum over m < inputs, and r:  w[k,m,r] X[b, k / multiplier inputs + m,
///                                                        o stride + r dilation - lo]
///
/// The forward pass has one input to a result and `multiplier` results to an input; the data
/// gradient, where x is dy, has it the other way round.
struct Geometry {
  AxisGeometry axis[max_rank];  ///< slowest first; missing axes come first and have extent 1
  std::int64_t batch = 1, channels = 1;  ///< of the result
  std::int64_t multiplier = 1, inputs = 1;
  std::int64_t x_batch = 0, x_channel = 0, y_batch = 0, y_channel = 0;  ///< strides
  std::int64_t w_channel = 0, w_input = 0, w_origin = 0;
  int thin = 1;                ///< 2: only results of even rows and columns are kept; see dense()
  bool channels_last = false;  ///< neighbouring results are neighbouring channels

  FALTUNG_HOST_DEVICE constexpr std::int64_t positions() const {
    return axis[0].output * axis[1].output * axis[2].output;
  }
  FALTUNG_HOST_DEVICE constexpr std::int64_t taps() const {
    return axis[0].filter * axis[1].filter * axis[2].filter;
  }
  /// The first channel of x that result channel k reads.
  FALTUNG_HOST_DEVICE constexpr std::int64_t first_input(std::int64_t k) const {
    return multiplier == 1 ? k * inputs : k / multiplier * inputs;
  }
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

struct Quotient {
  std::int64_t whole, rest;
};

/// n / d for n >= 0, d > 0; in 32 bits where both fit, since 64-bit division is a long loop.
FALTUNG_HOST_DEVICE constexpr Quotient divide(std::int64_t n, std::int64_t d) {
  if (((n | d) >> 32) == 0) {
    const auto a = static_cast<std::uint32_t>(n), b = static_cast<std::uint32_t>(d);
    return {a / b, a % b};
  }
  return {n / d, n % d};
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

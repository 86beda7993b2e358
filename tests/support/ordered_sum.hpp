#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "tests/support/operands.hpp"

/// What math=reproducible promises, transcribed from docs/reproducible.md.
namespace faltung::test {

/// Problems whose sums have one block and several, cut along every axis; of every kind that ways of
/// the CPU are for.
inline constexpr const char* ordered_problems[] = {
    "op=fwd dtype=f32 n=2 in=300 f=7 pad=3",
    "op=fwd dtype=f64 n=1 in=200 f=40 pad=12:9 flip=1",
    "op=fwd dtype=f32 n=1 in=700 f=600 pad=30",  // a row of taps in pieces
    "op=fwd dtype=f64 n=1 in=1400 f=1100 pad=1",
    "op=fwd dtype=f32 n=1 in=260 f=33 stride=3 dil=2 pad=8",
    "op=fwd dtype=f32 n=1 in=50 f=5 stride=2 idil=3 pad=6",
    "op=fwd dtype=f32 n=2 c=2 in=20x37 k=2 f=3x3 pad=1",
    "op=fwd dtype=f64 n=1 c=1 in=19x45 k=1 f=5x5 pad=2 boundary=reflect",
    "op=fwd dtype=f32 n=1 c=3 in=13x50 k=1 f=3x5 stride=2 pad=2",
    "op=fwd dtype=f32 n=1 c=1 in=23x41 k=2 f=9x9 pad=4 boundary=constant(0.3) flip=1",
    "op=fwd dtype=f32 n=1 c=1 in=40x60 k=1 f=29x31 pad=9x11",  // some rows of taps in a block
    "op=fwd dtype=f64 n=1 c=1 in=40x30 k=1 f=33x1 pad=9x0",
    "op=fwd dtype=f32 n=1 c=1 in=12x80 k=1 f=7x7 dil=2x3 pad=6 boundary=wrap",
    "op=fwd dtype=f32 n=1 c=1 in=9x12x30 k=1 f=3x3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=2 in=10x9x20 k=1 f=7x7x7 pad=2 boundary=nearest",
    "op=fwd dtype=f32 n=1 c=40 in=6x9 k=9 f=3x3 pad=1",  // some channels in a block
    "op=fwd dtype=f64 n=1 c=37 in=5x8 k=33 f=3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=600 in=5x5 k=8 f=1x1",
    "op=fwd dtype=f32 n=2 c=64 in=7x7 k=16 f=3x3 pad=1 g=2 layout=nhwc",
    "op=fwd dtype=f32 n=1 c=24 in=9x11 k=24 f=5x5 pad=2 g=24 layout=nhwc",
    "op=fwd dtype=f64 n=1 c=3 in=30x22 k=3 f=9x9 pad=4 g=3 layout=nhwc",
    "op=fwd dtype=f32 n=1 c=3 in=40x33 k=3 f=25x25 pad=4 g=3 layout=nhwc",
    "op=fwd dtype=f16 n=1 c=4 in=12x17 k=5 f=3x3 pad=1",
    "op=fwd dtype=bf16 n=1 c=16 in=6x9 k=40 f=3x3 pad=1",
    "op=fwd dtype=u8:f32:f32 n=1 c=1 in=21x40 k=1 f=5x5 pad=2",
    "op=fwd dtype=u8:f32:u8 n=1 c=1 in=21x40 k=1 f=5x5 pad=2 overflow=saturate",
    "op=fwd dtype=f32 acc=f64 n=1 c=1 in=21x40 k=1 f=5x5 pad=2",
    "op=fwd dtype=f32 n=2 c=4 in=9x14 k=4 f=3x3 pad=1 bias=1 act=relu",
    "op=fwd dtype=f32 n=1 c=2 in=9x14 k=3 f=3x3 pad=1 beta=1 act=leaky_relu(0.1)",
    "op=dgrad dtype=f32 n=1 c=3 in=14x17 k=4 f=3x3 pad=1",
    "op=dgrad dtype=f64 n=1 c=5 in=14x17 k=5 f=4x3 stride=2 pad=1 g=5",
    "op=dgrad dtype=f32 n=1 c=2 in=10x12 k=70 f=3x3 stride=1x2 flip=1 pad=1",
};

namespace detail {

/// One output: its products in order, as pairs.
template <typename T>
T sum_of_blocks(const std::vector<std::vector<std::pair<T, T>>>& blocks) {
  T total = 0;
  for (const auto& block : blocks) {
    T sum = 0;
    for (const auto& [x, w] : block) sum = std::fma(x, w, sum);
    total += sum;
  }
  return total;
}

inline Extents index_in(const Problem& p, std::int64_t outer, std::int64_t channel,
                        const Extents& place) {
  Extents index{outer};
  if (p.layout == Layout::channels_first) index.push_back(channel);
  for (const std::int64_t i : place) index.push_back(i);
  if (p.layout == Layout::channels_last) index.push_back(channel);
  return index;
}

/// What stands outside, as an element of the input.
inline double constant_of(const Problem& p, const Boundary& boundary) {
  Array one(p.input, {1});
  one.set({0}, boundary.value);
  return one.get({0}).real();
}

// Calls f(value) with what the output at `o` meets under the taps at `r` unless that is nothing.
template <typename F>
void with_value(const Problem& p, const Array& x, std::int64_t b, std::int64_t c, const Extents& o,
                const Extents& r, F&& f) {
  Extents place;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const std::int64_t at = o[a] * axis.stride + r[a] * axis.dilation - axis.pad_lo;
    const Boundary& side = at < 0 ? axis.below : axis.above;
    const std::int64_t j = extend_index(side.kind, at, axis.dilated_input());
    if (j == outside) {
      if (side.kind == BoundaryKind::constant) f(constant_of(p, side));
      return;
    }
    place.push_back(j);
  }
  for (std::size_t a = 0; a < p.rank(); ++a) {
    if (place[a] % p.axes[a].input_dilation != 0) return;
    place[a] /= p.axes[a].input_dilation;
  }
  f(x.get(index_in(p, b, c, place)).real());
}

// The same for the data gradient: tap r of the forward problem on dy is R - 1 - r of the pass.
template <typename F>
void with_gradient(const Problem& p, const Array& dy, std::int64_t b, std::int64_t k,
                   const Extents& i, const Extents& r, F&& f) {
  Extents place;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const std::int64_t tap = axis.filter - 1 - r[a];
    const std::int64_t at = i[a] * axis.input_dilation + axis.pad_lo - tap * axis.dilation;
    if (at < 0 || at % axis.stride != 0 || at / axis.stride >= axis.output()) return;
    place.push_back(at / axis.stride);
  }
  f(dy.get(index_in(p, b, k, place)).real());
}

}  // namespace detail

/// The result of a problem with real sums in T.
template <typename T>
Array ordered_sum(const Problem& p, const Operands& operands) {
  const bool gradient = p.pass == Pass::backward_data;
  const std::int64_t inputs = p.in_channels / p.groups, outputs = p.out_channels / p.groups;
  const std::int64_t summed = gradient ? outputs : inputs;
  Extents taps{summed};
  for (const Axis& axis : p.axes) taps.push_back(axis.filter);
  const Extents steps = sum_steps(taps);
  Shape places;
  for (const Axis& axis : p.axes) places.push_back(gradient ? axis.input : axis.output());
  Array result = operands.before;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    for (std::int64_t k = 0; k < p.result_channels(); ++k) {
      const std::int64_t group = k / (gradient ? inputs : outputs);
      for_each_index(places, [&](std::int64_t, const Extents& o) {
        std::vector<std::vector<std::pair<T, T>>> blocks;
        for_each_index(taps, [&](std::int64_t, const Extents& term) {
          bool starts = true;
          for (std::size_t a = 0; a < term.size(); ++a) starts &= term[a] % steps[a] == 0;
          if (starts) blocks.emplace_back();
          Extents r, tap;
          for (std::size_t a = 0; a < p.rank(); ++a) {
            r.push_back(term[a + 1]);
            const std::int64_t last = p.axes[a].filter - 1;
            tap.push_back(p.flip != gradient ? last - term[a + 1] : term[a + 1]);
          }
          const std::int64_t other = group * summed + term[0];
          const auto w = operands.second.get(gradient ? detail::index_in(p, other, k % inputs, tap)
                                                      : detail::index_in(p, k, term[0], tap));
          const auto add = [&](double x) {
            blocks.back().emplace_back(static_cast<T>(x), static_cast<T>(w.real()));
          };
          if (gradient) {
            detail::with_gradient(p, operands.first, b, other, o, r, add);
          } else {
            detail::with_value(p, operands.first, b, other, o, r, add);
          }
        });
        const Extents at = detail::index_in(p, b, k, o);
        double value = detail::sum_of_blocks(blocks);
        if (p.epilogue.beta == 1) value += operands.before.get(at).real();
        if (p.epilogue.bias) value += operands.bias.get({k}).real();
        const Activation& act = p.epilogue.activation;
        if (act.kind == ActivationKind::relu && value < 0) value = 0;
        if (act.kind == ActivationKind::leaky_relu && value < 0) value *= act.a;
        if (is_integer(result.dtype())) {  // the store saturates, and truncates
          value = std::trunc(std::clamp(value, 0.0, 255.0));
        }
        result.set(at, value);
      });
    }
  }
  return result;
}

[[nodiscard]] inline Array ordered_sum(const Problem& p, const Operands& operands) {
  return p.accumulator == DType::f64 ? ordered_sum<double>(p, operands)
                                     : ordered_sum<float>(p, operands);
}

/// Same bits, or both NaN.
[[nodiscard]] inline ::testing::AssertionResult same_bits(const Array& expected,
                                                          const Array& result) {
  std::int64_t wrong = 0;
  Extents first;
  for_each_index(expected.shape(), [&](std::int64_t, const Extents& at) {
    const double a = expected.get(at).real(), b = result.get(at).real();
    if (std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b)) return;
    if (std::isnan(a) && std::isnan(b)) return;
    if (wrong++ == 0) first = at;
  });
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << wrong << " elements differ, the first at " << first << ": " << std::hexfloat
         << expected.get(first).real() << " expected, " << result.get(first).real();
}

}  // namespace faltung::test

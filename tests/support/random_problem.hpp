#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <faltung/problem.hpp>
#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

namespace faltung::test {

/// Draws valid problems, small enough to run on the reference engine (mostly below a million
/// products), with every field at random. Valid by construction: nothing is drawn and rejected.
class RandomProblems {
 public:
  explicit RandomProblems(std::uint64_t seed) : rng_(seed) {}

  Problem operator()() {
    Problem p;
    p.pass = pick({Pass::forward, Pass::backward_data, Pass::backward_filter});
    p.batch = between(0, 3);
    p.groups = pick({1, 1, 2, 3});
    p.in_channels = p.groups * between(0, 2);
    p.out_channels = p.groups * between(0, 2);
    p.layout = pick({Layout::channels_first, Layout::channels_last});
    const auto rank = static_cast<std::size_t>(pick({1, 1, 2, 2, 3, 4, 5, 6}));
    draw_types(p, rank);
    p.axes.resize(rank);
    for (Axis& axis : p.axes) draw_axis(axis, rank);
    if (chance(2)) draw_boundaries(p);
    p.flip = chance(2);
    p.conjugate = chance(2);
    p.separable = chance(4);
    p.math = chance(4) ? Math::fast : Math::strict;
    p.rounding = chance(2) ? Rounding::nearest_even : Rounding::truncate;
    draw_epilogue(p);
    if (chance(3)) p.x_strides = draw_strides(p.x_shape(), p.pass == Pass::backward_data);
    if (chance(3)) p.w_strides = draw_strides(p.w_shape(), p.pass == Pass::backward_filter);
    if (chance(3)) p.y_strides = draw_strides(p.y_shape(), p.pass == Pass::forward);
    return p;
  }

 private:
  bool chance(std::uint64_t one_in) { return rng_() % one_in == 0; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_() % static_cast<std::uint64_t>(high - low + 1));
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[rng_() % values.size()];
  }
  /// Short decimals, and now and then any finite double.
  double real() {
    if (!chance(4)) return static_cast<double>(between(-40, 40)) / 8;
    const double value = std::bit_cast<double>(rng_());
    return std::isfinite(value) ? value : 1.5;
  }
  DType integer_type(std::size_t largest_size) {
    DType type = u64;
    while (size_of(type) > largest_size) type = pick({i8, u8, i16, u16, i32, u32, i64, u64});
    return type;
  }
  DType real_type() { return pick({f16, bf16, f32, f64}); }

  void draw_types(Problem& p, std::size_t rank) {
    DType first = f32, second = f32, result = f32;
    const std::uint64_t mix = rng_() % 5;
    const bool exact = mix == 3 && rank <= 3;
    switch (mix) {
      case 0:  // real
        first = real_type();
        second = real_type();
        result = real_type();
        break;
      case 1:  // complex
        first = pick({f16, f32, c64, c128, i8, u16, i32});
        second = pick({c64, c128, f64, bf16});
        result = pick({c64, c128});
        break;
      case 2:  // integers that wrap
        first = integer_type(8);
        second = integer_type(8);
        result = integer_type(8);
        break;
      case 3:  // integers whose sums must fit: few bits, few products
        first = integer_type(exact ? 1 : 8);
        second = integer_type(exact ? 1 : 8);
        result = exact && chance(4) ? real_type() : integer_type(8);
        p.overflow = exact ? Overflow::saturate : Overflow::wrap;
        break;
      default:  // integers beside reals
        first = integer_type(8);
        second = real_type();
        if (chance(2)) std::swap(first, second);
        result = chance(2) ? integer_type(8) : real_type();
        p.overflow = chance(2) ? Overflow::saturate : Overflow::wrap;
    }
    DType* const fields[3][3] = {{&p.input, &p.filter, &p.output},
                                 {&p.output, &p.filter, &p.input},
                                 {&p.input, &p.output, &p.filter}};
    DType* const* roles = fields[static_cast<std::size_t>(p.pass)];
    *roles[0] = first;
    *roles[1] = second;
    *roles[2] = result;
    p.accumulator = default_accumulator(p.input, p.filter, p.output);
    if (exact) p.accumulator = i64;
    if (chance(4)) {  // a wider one than needed
      if (p.accumulator == f32) p.accumulator = f64;
      if (p.accumulator == c64) p.accumulator = c128;
      if (p.accumulator == i32) p.accumulator = pick({i64, f64});
    }
  }

  void draw_axis(Axis& axis, std::size_t rank) {
    constexpr std::int64_t largest[] = {0, 40, 12, 6, 4, 3, 2};
    axis.input = between(0, largest[rank]);
    axis.filter = between(1, std::max<std::int64_t>(1, largest[rank] / 2));
    axis.stride = pick({1, 1, 2, 3});
    axis.dilation = pick({1, 1, 2, 3});
    axis.input_dilation = pick({1, 1, 1, 2, 3});
    axis.pad_lo = pick({0, 1, 2, -1, 3});
    axis.pad_hi = chance(2) ? axis.pad_lo : between(-2, 3);
  }

  Boundary draw_boundary(DType input) {
    const auto kind = static_cast<BoundaryKind>(rng_() % 6);
    if (kind != BoundaryKind::constant) return {kind, 0};
    if (is_integer(input)) {
      return Boundary::constant(static_cast<double>(between(is_signed(input) ? -128 : 0, 127)));
    }
    return Boundary::constant({real(), is_complex(input) && chance(2) ? real() : 0});
  }

  void draw_boundaries(Problem& p) {
    const Boundary all = draw_boundary(p.input);
    const bool per_axis = chance(2);
    const bool per_side = chance(2);
    for (Axis& axis : p.axes) {
      axis.below = axis.above = per_axis ? draw_boundary(p.input) : all;
      if (per_side) axis.above = draw_boundary(p.input);
    }
  }

  void draw_epilogue(Problem& p) {
    const bool integer = is_integer(p.accumulator);
    // Integer sums add to integers only.
    if (chance(2)) p.epilogue.beta = !integer ? real() : is_integer(p.result_dtype()) ? 1 : 0;
    if (!integer && chance(2)) p.epilogue.alpha = real();
    p.epilogue.bias = p.pass != Pass::backward_filter && chance(2);
    if (is_complex(p.result_dtype()) || (integer && p.overflow == Overflow::wrap) || chance(2)) {
      return;
    }
    const double low = integer ? static_cast<double>(between(-99, 0)) : real();
    const double high = integer ? static_cast<double>(between(0, 99)) : real();
    const Activation clamp = Activation::clamp(std::min(low, high), std::max(low, high));
    p.epilogue.activation = integer ? pick({Activation::relu(), clamp})
                                    : pick({Activation::relu(), Activation::leaky_relu(real()),
                                            Activation::gelu(), Activation::silu(), clamp});
  }

  /// Written tensors get gaps, an order and signs; read ones any strides at all.
  Strides draw_strides(const Shape& shape, bool written) {
    Strides strides = shape;
    if (!written) {
      for (std::int64_t& stride : strides) stride = between(-50, 50);
      return strides;
    }
    std::vector<std::size_t> order(shape.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::shuffle(order, rng_);
    std::int64_t covered = 1;
    for (const std::size_t axis : order) {
      const std::int64_t stride = covered + (chance(2) ? between(0, 5) : 0);
      strides[axis] = chance(2) ? stride : -stride;
      covered += std::max<std::int64_t>(shape[axis] - 1, 0) * stride;
    }
    return strides;
  }

  std::mt19937_64 rng_;
};

}  // namespace faltung::test

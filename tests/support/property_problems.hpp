#pragma once

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/support/random_problem.hpp"

namespace faltung::test {

/// Makes a drawn problem one that every engine is asked about: no empty tensor, and no constant,
/// scale or bound so large or small that sums leave the range of f32. Strides of a tensor whose
/// shape changes are dropped.
inline Problem tamed(Problem p) {
  const Shape x = p.x_shape(), w = p.w_shape(), y = p.y_shape();
  const auto tame = [](double value) {
    const double size = std::abs(value);
    return value == 0 || (size > 0x1p-10 && size < 0x1p10) ? value : 1.5;
  };
  p.batch = std::max<std::int64_t>(p.batch, 1);
  p.in_channels = std::max(p.in_channels, p.groups);
  p.out_channels = std::max(p.out_channels, p.groups);
  for (Axis& axis : p.axes) {
    axis.input = std::max<std::int64_t>(axis.input, 1);
    const std::int64_t missing =
        axis.effective_filter() - axis.dilated_input() - axis.pad_lo - axis.pad_hi;
    axis.pad_hi += std::max<std::int64_t>(missing, 0);
    for (Boundary* side : {&axis.below, &axis.above}) {
      side->value = {tame(side->value.real()), tame(side->value.imag())};
    }
  }
  if (!(p.x_shape() == x)) p.x_strides = {};
  if (!(p.w_shape() == w)) p.w_strides = {};
  if (!(p.y_shape() == y)) p.y_strides = {};
  Epilogue& e = p.epilogue;
  e.alpha = tame(e.alpha);
  e.beta = tame(e.beta);
  e.activation.a = tame(e.activation.a);
  e.activation.b = tame(e.activation.b);
  if (e.activation.a > e.activation.b && e.activation.kind == ActivationKind::clamp) {
    std::swap(e.activation.a, e.activation.b);
  }
  return p;
}

/// A forward problem with one type, no epilogue and compact tensors, of which all else is at
/// random: one where sums of small integers are exact.
class PropertyProblems {
 public:
  explicit PropertyProblems(std::uint64_t seed) : draw_(seed), random_(seed) {}

  Problem operator()() {
    Problem p = tamed(draw_());
    p.pass = Pass::forward;
    constexpr DType types[] = {f32, f64, c64, c128, i32};
    p.input = p.filter = p.output = p.accumulator = types[random_() % 5];
    p.overflow = Overflow::wrap;
    p.epilogue = {};
    p.x_strides = p.w_strides = p.y_strides = {};
    for (Axis& axis : p.axes) {
      for (Boundary* side : {&axis.below, &axis.above}) {
        if (side->kind == BoundaryKind::constant) {
          side->value = static_cast<double>(random_() % 7) - 3;
        }
      }
    }
    return p;
  }

 private:
  RandomProblems draw_;
  std::mt19937_64 random_;
};

}  // namespace faltung::test

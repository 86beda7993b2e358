#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>
#include <random>

#include "tests/support/operands.hpp"
#include "tests/support/property_problems.hpp"

namespace faltung::test {

using Z = std::complex<double>;

inline constexpr int problems_per_property = 200;

/// One random forward problem for one engine.
struct Trial {
  const TestDevice& device;
  const Engine& engine;
  std::mt19937_64& random;
  Problem p;

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
  }
  Array integers(DType type, const Shape& shape) {
    Array array(type, shape);
    fill_array(array, Fill::small_integers, random());
    return array;
  }
  Array x() { return integers(p.input, p.x_shape()); }
  Array w() { return integers(p.filter, p.w_shape()); }
  Array y() { return integers(p.output, p.y_shape()); }
};

inline double norm(const Array& a) {
  double squares = 0;
  for_each_index(a.shape(),
                 [&](std::int64_t, const Extents& i) { squares += std::norm(a.get(i)); });
  return std::sqrt(squares);
}

inline double largest(const Array& a) {
  double value = 0;
  for_each_index(a.shape(), [&](std::int64_t, const Extents& i) {
    value = std::max(value, std::abs(a.get(i)));
  });
  return value;
}

inline Array combine(const Array& a, const Array& b, double scale) {
  return Array(a.dtype(), a.shape()).fill([&](const Extents& i) {
    return a.get(i) + scale * b.get(i);
  });
}

/// The result of a variant of the trial's problem; nothing if this engine refuses it, or errs by
/// the norm and its bound does not settle which integers are meant.
inline std::optional<Array> run(const Trial& t, const Problem& p, const Array& first,
                                const Array& second) {
  p.validate();
  if (!t.engine.offer(p, t.device.stream().device)) return std::nullopt;
  Operands operands = zero_operands(p);
  operands.first = first;
  operands.second = second;
  Array result = run_guarded(t.device, t.engine, p, operands);
  const ErrorBound bound = t.engine.offer(p, t.device.stream().device).prepare()->error_bound();
  if (bound.kind == ErrorBound::Kind::normwise) {
    // The norm of what a transform sees: at most so many values, of which none is larger.
    double values = static_cast<double>(p.batch * (p.in_channels + p.out_channels));
    for (const Axis& axis : p.axes) {
      values *= static_cast<double>((axis.output() - 1) * axis.stride + axis.effective_filter());
    }
    const double extended = std::sqrt(values) * std::max(3.0, largest(first));
    if (bound.constant * extended * norm(second) >= 0.5) return std::nullopt;
    result.fill([&](const Extents& i) -> Z {
      return {std::nearbyint(result.get(i).real()), std::nearbyint(result.get(i).imag())};
    });
  }
  return result;
}

/// Sum of a conj(b).
inline Z inner(const Array& a, const Array& b) {
  Z sum = 0;
  for_each_index(a.shape(),
                 [&](std::int64_t, const Extents& i) { sum += a.get(i) * std::conj(b.get(i)); });
  return sum;
}

inline std::size_t channel_axis(const Problem& p, const Shape& shape) {
  return p.layout == Layout::channels_last ? shape.size() - 1 : 1;
}
/// Position of the first spatial axis in a shape.
inline std::size_t first_spatial(const Problem& p) {
  return p.layout == Layout::channels_last ? 1 : 2;
}

/// `count` indices of one axis from `first` on, `step` apart.
inline Array slice(const Array& a, std::size_t axis, std::int64_t first, std::int64_t count,
                   std::int64_t step = 1) {
  Shape shape = a.shape();
  shape[axis] = count;
  return Array(a.dtype(), shape).fill([&](Extents index) {
    index[axis] = first + index[axis] * step;
    return a.get(index);
  });
}

/// The same with zeros: index i of the axis moves to first + i step.
inline Array spread(const Array& a, std::size_t axis, std::int64_t first, std::int64_t extent,
                    std::int64_t step) {
  Shape shape = a.shape();
  shape[axis] = extent;
  Array result(a.dtype(), shape);
  for_each_index(a.shape(), [&](std::int64_t, Extents index) {
    const Z value = a.get(index);
    index[axis] = first + index[axis] * step;
    result.set(index, value);
  });
  return result;
}

#define FALTUNG_EXPECT_EQUAL(a, b, t) \
  EXPECT_TRUE(equal_elements(a, b)) << (t).engine.name() << " [" << (t).p << ']'

/// Runs `check`, which returns how many comparisons it made, on random problems for every engine.
/// With the four engines of the CPU the least counts below add up to more than 12,000.
template <typename F>
void for_each_trial(std::uint64_t salt, int min_per_engine, F&& check) {
  PropertyProblems draw(test_seed() + salt);
  std::mt19937_64 random(test_seed() + salt);
  int checks = 0;
  int engines = 0;
  for (const TestDevice* device : test_devices()) {
    engines += static_cast<int>(device->engines().size());
  }
  for (int i = 0; i < problems_per_property; ++i) {
    const Problem p = draw();
    for (const TestDevice* device : test_devices()) {
      for (const Engine* engine : device->engines()) {
        checks += check(Trial{*device, *engine, random, p});
      }
    }
  }
  std::cout << checks << " checks\n";
  ::testing::Test::RecordProperty("checks", checks);
  EXPECT_GE(checks, min_per_engine * engines);
}

}  // namespace faltung::test

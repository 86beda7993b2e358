#include "cpp/tools/bench/operands.hpp"

#include <cmath>
#include <complex>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include <faltung/error.hpp>

#include "cpp/core/measure/window.hpp"
#include "cpp/core/store_distance.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::bench {
namespace {

// SplitMix64: fast enough to fill gigabytes. Source: Steele, Lea & Flood, OOPSLA 2014.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float uniform(std::uint64_t& state) {
  return static_cast<float>(static_cast<std::int32_t>(next(state) >> 32)) * 0x1p-31f;
}

template <typename T>
T rounded(double value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(value);
  } else {
    return T(static_cast<float>(value));
  }
}

// One outer product: a factor per axis, of integers of 1 or 2 along two axes at most.
std::vector<std::vector<double>> draw_factors(const Problem& p, std::uint64_t& state) {
  std::vector<std::vector<double>> factors;
  for (const Axis& axis : p.axes) {
    std::vector<double> line;
    for (std::int64_t i = 0; i < axis.filter; ++i) {
      const double integer = factors.size() < 2 ? 1.0 + static_cast<double>(next(state) % 2) : 1.0;
      line.push_back(is_integer(p.filter) ? integer : uniform(state));
    }
    factors.push_back(std::move(line));
  }
  return factors;
}

// The promise of Problem::separable: each filter becomes a drawn number times the sum of so many
// outer products, of integers that an i8 holds.
void make_separable(const Problem& p, Tensor& w, std::uint64_t seed) {
  std::vector<std::vector<std::vector<double>>> terms;
  for (std::int64_t i = 0; i < p.separable; ++i) terms.push_back(draw_factors(p, seed));
  const auto max = static_cast<std::uint64_t>(12 / p.separable);
  const std::size_t first_axis = p.layout == Layout::channels_first ? 2 : 1;
  const std::size_t channel = p.layout == Layout::channels_first ? 1 : w.shape().size() - 1;
  visit_dtype(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!is_complex(dtype_of<T>)) {
      const auto taps = w.values<T>();
      for_each_index(w.shape(), [&](std::int64_t position, const Extents& index) {
        std::uint64_t state =
            seed + 0x10001u * static_cast<std::uint64_t>(index[0] * 0x10001 + index[channel]);
        const double scale = is_integer(p.filter) ? static_cast<double>(1 + next(state) % max)
                                                  : 1 + 0.5 * static_cast<double>(uniform(state));
        double sum = 0;
        for (const auto& factors : terms) {
          double product = scale;
          for (std::size_t a = 0; a < factors.size(); ++a) {
            product *= factors[a][static_cast<std::size_t>(index[first_axis + a])];
          }
          sum += product;
        }
        taps[static_cast<std::size_t>(position)] = rounded<T>(sum);
      });
    }
  });
}

void make_absolute(Tensor& tensor) {
  visit_dtype(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!is_integer(dtype_of<T>)) {
      for (T& element : tensor.values<T>()) {
        if constexpr (is_complex(dtype_of<T>)) {
          element = T(std::abs(element));
        } else {
          element = T(std::abs(static_cast<decltype(element + 0)>(element)));
        }
      }
    }
  });
}

double norm(const Tensor& tensor) {
  double sum = 0;
  visit_dtype(tensor.dtype(), [&](auto zero) {
    for (const auto element : tensor.values<decltype(zero)>()) {
      if constexpr (is_complex(dtype_of<decltype(zero)>)) {
        sum += static_cast<double>(std::norm(element));
      } else {
        sum += static_cast<double>(element) * static_cast<double>(element);
      }
    }
  });
  return std::sqrt(sum);
}

ConstTensorView at(const Tensor& tensor, std::int64_t offset, const Shape& shape,
                   const Strides& strides) {
  const auto* data = static_cast<const std::byte*>(tensor.data());
  return {data + offset * static_cast<std::int64_t>(size_of(tensor.dtype())), tensor.dtype(), shape,
          strides, Device::cpu()};
}

// The window's result by the definition, summed and kept in double, or exactly if the problem sums
// integers.
Tensor evaluate(const Window& window, const Operands& operands) {
  Problem p = window.problem;
  const DType wide = is_complex(p.accumulator) ? c128 : f64;
  if (!is_integer(p.accumulator)) p.accumulator = wide;
  DType& type = p.pass == Pass::forward         ? p.output
                : p.pass == Pass::backward_data ? p.input
                                                : p.filter;
  Strides& strides = p.pass == Pass::forward         ? p.y_strides
                     : p.pass == Pass::backward_data ? p.x_strides
                                                     : p.w_strides;
  if (!is_integer(type) || !is_integer(p.accumulator)) {
    type = wide;
    p.overflow = Overflow::wrap;
    p.rounding = Rounding::truncate;
  }
  strides = {};
  const bool data = p.pass == Pass::backward_data;
  const bool filter = p.pass == Pass::backward_filter;
  const auto first = at(operands.first, window.first_offset, data ? p.y_shape() : p.x_shape(),
                        data ? p.y_strides : p.x_strides);
  const auto second = at(operands.second, window.second_offset, filter ? p.y_shape() : p.w_shape(),
                         filter ? p.y_strides : p.w_strides);
  Tensor result(p.result_dtype(), p.result_shape());
  Plan::make(p, Device::cpu(), {.engine = "cpu.reference"}).run({}, first, second, result);
  return compact_copy(result, wide);
}

const Strides& result_strides(const Problem& p) {
  return p.pass == Pass::forward         ? p.y_strides
         : p.pass == Pass::backward_data ? p.x_strides
                                         : p.w_strides;
}

struct Tolerance {
  double slope;     // times |x| * |w|
  double constant;  // everywhere
  double rounding;  // times |y|
};

// What the result must be wrong by before it was stored.
double error_of(double computed, double y, const Problem& p) {
  if (!is_integer(p.result_dtype()) || is_integer(p.accumulator)) return std::abs(computed - y);
  return store_distance(y, computed, p.result_dtype(), {p.overflow, p.rounding});
}

double error_of(std::complex<double> computed, std::complex<double> y, const Problem&) {
  return std::abs(computed - y);
}

template <typename Wide>
void compare(const Problem& problem, const Tensor& expected, const Tensor& magnitude,
             const Tensor& actual, const Tolerance& tolerance, ErrorCheck& check) {
  const auto y = expected.values<Wide>();
  const auto size = magnitude.values<Wide>();
  const auto computed = actual.values<Wide>();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double error = error_of(computed[i], y[i], problem);
    const double bound = tolerance.slope * std::abs(size[i]) + tolerance.constant +
                         tolerance.rounding * std::abs(y[i]);
    const double ratio = error == 0 ? 0 : bound > 0 ? error / bound : INFINITY;
    check.ratio = std::isnan(ratio) ? INFINITY : std::max(check.ratio, ratio);
    ++check.elements;
  }
}

}  // namespace

void fill(Tensor& tensor, std::uint64_t seed) {
  visit_dtype(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& element : tensor.values<T>()) {
      if constexpr (is_complex(dtype_of<T>)) {
        using Part = typename T::value_type;
        element = T(static_cast<Part>(uniform(seed)), static_cast<Part>(uniform(seed)));
      } else if constexpr (is_integer(dtype_of<T>)) {
        element = static_cast<T>(next(seed) % 13);
      } else {
        element = T(uniform(seed));
      }
    }
  });
}

Operands make_operands(const Problem& p, std::uint64_t seed) {
  if (!p.x_strides.empty() || !p.w_strides.empty() || !p.y_strides.empty()) {
    throw InvalidProblem(
        "a benchmark needs compact tensors; leave out xstrides, wstrides, ystrides");
  }
  const bool data = p.pass == Pass::backward_data;
  const bool filter = p.pass == Pass::backward_filter;
  Operands operands{Tensor(data ? p.output : p.input, data ? p.y_shape() : p.x_shape()),
                    Tensor(filter ? p.output : p.filter, filter ? p.y_shape() : p.w_shape()),
                    Tensor::zeros(p.result_dtype(), p.result_shape())};
  fill(operands.first, seed);
  fill(operands.second, seed ^ 0x5bd1e995);
  if (p.separable && !filter) make_separable(p, operands.second, seed);
  return operands;
}

ErrorCheck check_error(const Problem& problem, const ErrorBound& bound, Operands& operands,
                       std::uint64_t seed) {
  // The reference takes some 50 ns a product: two seconds a problem.
  constexpr double work = 4e6;
  constexpr int max_windows = 8;
  std::mt19937_64 random(seed);
  std::vector<Window> windows;
  std::vector<Tensor> expected;
  double spent = 0;
  while (windows.size() < max_windows && spent < 2 * work) {
    const auto window = random_window(problem, work / max_windows, random);
    if (!window) break;
    spent += window->problem.multiply_adds();
    windows.push_back(*window);
    expected.push_back(evaluate(*window, operands));
  }
  const DType wide = is_complex(problem.accumulator) ? c128 : f64;
  // The distance between integers is rounded itself.
  const double u =
      is_integer(problem.result_dtype()) ? 0x1p-52 : unit_roundoff(problem.result_dtype());
  Tolerance tolerance{0, 0, u};
  if (bound.kind == ErrorBound::Kind::elementwise) tolerance.slope = bound.constant;
  if (bound.kind == ErrorBound::Kind::normwise) {
    tolerance.constant = bound.constant * norm(operands.first) * norm(operands.second);
  }
  make_absolute(operands.first);
  make_absolute(operands.second);
  ErrorCheck check{windows.empty() ? -1.0 : 0.0, 0};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const Problem& sub = windows[i].problem;
    const Tensor magnitude = evaluate(windows[i], operands);
    const Tensor actual = compact_copy(
        at(operands.result, windows[i].result_offset, sub.result_shape(), result_strides(sub)),
        wide);
    if (wide == c128) {
      compare<std::complex<double>>(sub, expected[i], magnitude, actual, tolerance, check);
    } else {
      compare<double>(sub, expected[i], magnitude, actual, tolerance, check);
    }
  }
  return check;
}

}  // namespace faltung::bench

#include "cpp/core/measure/samples.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <random>
#include <utility>

#include "cpp/core/element.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/result_error.hpp"
#include "cpp/core/store_distance.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::measuring {
namespace {

using Complex = std::complex<double>;

// Products for all windows together; the reference takes some 50 ns each.
constexpr double work = 4e6;
constexpr std::size_t max_windows = 8;

DType& result_type(Problem& p) {
  return p.pass == Pass::forward ? p.output : p.pass == Pass::backward_data ? p.input : p.filter;
}

Strides& result_strides(Problem& p) {
  return p.pass == Pass::forward         ? p.y_strides
         : p.pass == Pass::backward_data ? p.x_strides
                                         : p.w_strides;
}

ConstTensorView moved(const ConstTensorView& view, std::int64_t offset, const Shape& shape,
                      const Strides& strides) {
  const auto* data = static_cast<const std::byte*>(view.data);
  return {data + offset * static_cast<std::int64_t>(size_of(view.dtype)), view.dtype, shape,
          strides, view.device};
}

double product_of(const Shape& shape) {
  double product = 1;
  for (const std::int64_t extent : shape) product *= static_cast<double>(extent);
  return product;
}

// Products of one element of the result, from above.
double terms(const Problem& p) {
  double taps = 1, outputs = static_cast<double>(p.batch);
  for (const Axis& axis : p.axes) {
    taps *= static_cast<double>(axis.filter);
    outputs *= static_cast<double>(axis.output());
  }
  const std::int64_t group_outputs = p.out_channels / p.groups;
  const std::int64_t group_inputs = p.in_channels / p.groups;
  switch (p.pass) {
    case Pass::backward_filter:
      return outputs;
    case Pass::backward_data:
      return taps * static_cast<double>(group_outputs);
    case Pass::forward:
      break;
  }
  return taps * static_cast<double>(group_inputs);
}

// ||x||^2 ||w||^2 over the squares of their largest values, from above: what is transformed is the
// extended input, or the gradient, whose folds add up.
double squares(const Problem& p) {
  double extended = static_cast<double>(p.in_channels), folds = 1;
  for (const Axis& axis : p.axes) {
    const auto padded =
        static_cast<double>(axis.dilated_input() + std::max<std::int64_t>(0, axis.pad_lo) +
                            std::max<std::int64_t>(0, axis.pad_hi));
    extended *= padded;
    const auto repeats = [](const Boundary& boundary) {
      return boundary.kind != BoundaryKind::zero && boundary.kind != BoundaryKind::constant;
    };
    if (repeats(axis.below) || repeats(axis.above)) folds *= padded + 1;
  }
  const double y = product_of(p.y_shape());
  switch (p.pass) {
    case Pass::backward_data:
      return y * folds * product_of(p.w_shape());
    case Pass::backward_filter:
      return extended * static_cast<double>(p.batch) * y;
    case Pass::forward:
      break;
  }
  return extended * product_of(p.w_shape());
}

double error_of(double computed, double y, const Problem& p) {
  if (!is_integer(p.result_dtype()) || is_integer(p.accumulator)) return std::abs(computed - y);
  return store_distance(y, computed, p.result_dtype(), {p.overflow, p.rounding});
}

double error_of(Complex computed, Complex y, const Problem&) { return std::abs(computed - y); }

// How many elements are NaN, in either part.
std::int64_t count_nan(const ConstTensorView& view) {
  std::int64_t count = 0;
  visit_dtype(view.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!is_integer(dtype_of<T>)) {
      const T* data = static_cast<const T*>(view.data);
      const auto add = [&](const T& element) {
        const Complex value = load_element<Complex>(element);
        count += std::isnan(value.real()) || std::isnan(value.imag()) ? 1 : 0;
      };
      if (is_compact(view)) {
        std::for_each(data, data + element_count(view.shape), add);
      } else {
        for_each_index(view.shape, [&](std::int64_t, const Extents& index) {
          add(data[offset_of(index, view.strides)]);
        });
      }
    }
  });
  return count;
}

}  // namespace

Samples::Samples(const Problem& problem, const Operands& operands, std::uint64_t seed)
    : problem_(problem), largest_product_(operands.largest_product) {
  std::mt19937_64 random(seed);
  const bool whole = problem.multiply_adds() <= work;
  double spent = 0;
  while (windows_.size() < max_windows && spent < 2 * work) {
    const auto window =
        whole ? std::optional(Window{problem}) : random_window(problem, work / max_windows, random);
    if (!window) break;
    spent += window->problem.multiply_adds();
    windows_.push_back(*window);
    expected_.push_back(evaluate(*window, operands));
    if (whole) break;
  }
}

// By the reference, summed and kept in double, or exactly if the problem sums integers.
Tensor Samples::evaluate(const Window& window, const Operands& operands) {
  Problem p = window.problem;
  const DType wide = is_complex(p.accumulator) ? c128 : f64;
  const bool exact = is_integer(p.accumulator);
  if (!exact) {
    p.accumulator = wide;
    result_type(p) = wide;
    p.overflow = Overflow::wrap;
    p.rounding = Rounding::truncate;
  }
  result_strides(p) = {};
  p.math = Math::strict;
  const Layouts all = layouts_of(p);
  const ConstTensorView first =
      moved(operands.first.view(), window.first_offset, all.first, all.first_strides);
  const ConstTensorView second =
      moved(operands.second.view(), window.second_offset, all.second, all.second_strides);
  const Layouts placed = layouts_of(window.problem);
  Tensor result = compact_copy(
      moved(operands.result.view(), window.result_offset, placed.result, placed.result_strides),
      p.result_dtype());
  Tensor bias;
  if (p.epilogue.bias) {
    bias = compact_copy(
        operands.bias.view().slice(
            0, {.start = window.channel, .stop = window.channel + p.result_channels()}),
        p.bias_dtype());
  }
  const Plan plan = Plan::make(p, Device::cpu(), {.engine = "cpu.reference"});
  plan.run({}, first, second, result, {}, bias.view());
  reference_constant_ = std::max(reference_constant_, plan.error_bound().constant);
  return compact_copy(result, wide);
}

Samples::Tolerance Samples::tolerance(const ErrorBound& bound) const {
  const DType type = problem_.result_dtype();
  const Epilogue& e = problem_.epilogue;
  if (is_integer(problem_.accumulator) || bound.kind == ErrorBound::Kind::exact) return {0, 0};
  const double slope = steepest_slope(e.activation), alpha = std::abs(e.alpha);
  const double before = std::abs(e.beta) * 12 + (e.bias ? 12 : 0);  // as operands are drawn
  const double magnitude = alpha * terms(problem_) * largest_product_ + before;
  // Roundings of alpha, beta and bias, and a handful in exp or erf.
  const double fixed =
      reference_constant_ + (e == Epilogue{} ? 0 : 16 * unit_roundoff(problem_.accumulator));
  const bool normwise = bound.kind == ErrorBound::Kind::normwise;
  const double sums =
      normwise ? alpha * std::sqrt(squares(problem_)) * largest_product_ : magnitude;
  const double everywhere = slope * (bound.constant * sums + fixed * magnitude);
  if (is_integer(type)) return {everywhere, 0x1p-52};  // the distance is rounded
  return {everywhere + 2 * underflow(type), 2 * unit_roundoff(type)};
}

std::string Samples::objection(const ConstTensorView& result, const ErrorBound& bound) const {
  const DType wide = is_complex(problem_.accumulator) ? c128 : f64;
  const Tolerance allowed = tolerance(bound);
  std::string text;
  for (std::size_t i = 0; i < windows_.size() && text.empty(); ++i) {
    const Layouts placed = layouts_of(windows_[i].problem);
    const ConstTensorView part =
        moved(result, windows_[i].result_offset, placed.result, placed.result_strides);
    const Tensor computed = compact_copy(part, wide);
    // Equal to what the definition's number becomes in the type, infinities included.
    const bool floats = !is_integer(part.dtype);
    const Tensor rounded = compact_copy(compact_copy(expected_[i], part.dtype), wide);
    const auto compare = [&](auto zero) {
      using T = decltype(zero);
      const auto values = computed.values<T>(), exact = expected_[i].template values<T>(),
                 stored = rounded.template values<T>();
      for (std::size_t j = 0; j < values.size(); ++j) {
        if (floats && values[j] == stored[j]) continue;
        const double error = error_of(values[j], exact[j], problem_);
        const double limit = allowed.everywhere + allowed.relative * std::abs(exact[j]);
        if (error <= limit) continue;
        text = message("a result is ", values[j], " where the definition gives ", exact[j],
                       ", and the bound of the plan allows a difference of ", limit);
        return;
      }
    };
    wide == c128 ? compare(Complex()) : compare(double());
  }
  if (!text.empty()) return text;
  if (const std::int64_t nan = count_nan(result); nan != 0) {
    text = message(nan, " of ", element_count(result.shape),
                   " results are NaN, where the definition gives numbers");
  }
  return text;
}

}  // namespace faltung::measuring

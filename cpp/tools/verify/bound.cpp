#include "cpp/tools/verify/bound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "cpp/core/result_error.hpp"
#include "cpp/core/store_distance.hpp"

namespace faltung::tools {
namespace {

using Complex = std::complex<double>;

/// Every element's absolute value, f64 and compact.
Tensor absolute(const ConstTensorView& view) {
  const Tensor values = compact_copy(view, c128);
  Tensor result(f64, view.shape);
  const auto from = values.values<Complex>();
  std::transform(from.begin(), from.end(), result.values<double>().begin(),
                 [](const Complex& value) { return std::abs(value); });
  return result;
}

double norm(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

/// The problem on absolute values: real, f64, compact, with nothing that can cancel.
Problem on_magnitudes(const Problem& problem) {
  Problem p = problem;
  p.input = p.filter = p.output = p.accumulator = f64;
  p.x_strides = p.w_strides = p.y_strides = {};
  p.conjugate = false;
  p.math = Math::strict;
  for (Axis& axis : p.axes) {
    for (Boundary* boundary : {&axis.below, &axis.above}) {
      boundary->value = std::abs(boundary->value);
    }
  }
  p.epilogue.alpha = std::abs(p.epilogue.alpha);
  p.epilogue.beta = std::abs(p.epilogue.beta);
  p.epilogue.activation = Activation::none();
  return p;
}

Tensor magnitudes(const Problem& problem, const Operands& operands) {
  const Problem p = on_magnitudes(problem);
  const Tensor first = absolute(operands.first.view());
  const Tensor second = absolute(operands.second.view());
  const Tensor bias = p.epilogue.bias ? absolute(operands.bias.view()) : Tensor();
  Tensor result =
      p.epilogue.beta != 0 ? absolute(operands.result.view()) : Tensor(f64, operands.result.shape);
  Plan::make(p, Device::cpu(), {.engine = "cpu.reference"})
      .run({}, first, second, result, {}, bias.view());
  return result;
}

/// The reference before its sums become integers: the same with a result of doubles.
Tensor unrounded_result(Problem p, const Operands& operands) {
  const DType sums = p.bias_dtype();
  DType& type = p.pass == Pass::forward         ? p.output
                : p.pass == Pass::backward_data ? p.input
                                                : p.filter;
  Strides& strides = p.pass == Pass::forward         ? p.y_strides
                     : p.pass == Pass::backward_data ? p.x_strides
                                                     : p.w_strides;
  type = f64;
  strides = {};
  p.accumulator = f64;
  const Tensor bias = p.epilogue.bias && sums != f64 ? compact_copy(operands.bias.view(), f64)
                      : p.epilogue.bias              ? operands.bias.clone()
                                                     : Tensor();
  Tensor result = p.epilogue.beta != 0 ? compact_copy(operands.result.view(), f64)
                                       : Tensor(f64, operands.result.shape);
  Plan::make(p, Device::cpu(), {.engine = "cpu.reference"})
      .run({}, operands.first.view(), operands.second.view(), result, {}, bias.view());
  return result;
}

/// ||X|| over `count` equal parts of the operand that is transformed.
std::vector<double> extended_norms(const Problem& p, const Tensor& first, std::size_t count) {
  const auto values = first.values<double>();
  double constant = 0;
  double volume = static_cast<double>(p.in_channels);
  for (const Axis& axis : p.axes) {
    constant = std::max({constant, std::abs(axis.below.value), std::abs(axis.above.value)});
    volume *= static_cast<double>(axis.dilated_input() + std::max<std::int64_t>(0, axis.pad_lo) +
                                  std::max<std::int64_t>(0, axis.pad_hi));
  }
  if (count == 1) volume *= static_cast<double>(p.batch);
  std::vector<double> norms;
  const std::size_t part = count == 0 ? 0 : values.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const double inside = norm(values.subspan(i * part, part));
    norms.push_back(std::sqrt(extension_folds(p) * inside * inside + volume * constant * constant));
  }
  return norms;
}

std::string to_text(const ConstTensorView& values, std::size_t i) {
  return visit_dtype(values.dtype, [&](auto element) -> std::string {
    using T = decltype(element);
    const T& value = static_cast<const T*>(values.data)[i];
    if constexpr (is_complex(dtype_of<T>)) {
      return fmt::format("{}{:+}i", value.real(), value.imag());
    } else if constexpr (is_real_float(dtype_of<T>)) {
      return fmt::format("{}", static_cast<double>(value));
    } else {
      return fmt::format("{}", +value);
    }
  });
}

}  // namespace

std::string first_difference(const Operand& actual, const Operand& expected) {
  const DType type = expected.storage.dtype();
  const Tensor a = compact_copy(actual.view(), type);
  const Tensor b = compact_copy(expected.view(), type);
  return visit_dtype(type, [&](auto element) -> std::string {
    using T = decltype(element);
    const auto x = a.values<T>();
    const auto y = b.values<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] == y[i] || (x[i] != x[i] && y[i] != y[i])) continue;
      return fmt::format("element {} is {} and must be {}", i, to_text(a.view(), i),
                         to_text(b.view(), i));
    }
    return {};
  });
}

Bound::Bound(const Problem& problem, const Operands& operands, const ErrorBound& reference)
    : problem_(problem),
      slope_(steepest_slope(problem.epilogue.activation)),
      magnitude_(magnitudes(problem, operands)) {
  const Epilogue& epilogue = problem.epilogue;
  // Three roundings in the accumulator for alpha, beta and bias, and for an activation a handful
  // more in exp or erf, whose error is a few units in the last place.
  const bool plain = epilogue == Epilogue{};
  fixed_ = reference.constant + (plain ? 0 : 16 * unit_roundoff(problem.accumulator));
  const Tensor first = absolute(operands.first.view());
  const Tensor second = absolute(operands.second.view());
  if (is_integer(problem.result_dtype()) && !is_integer(problem.accumulator)) {
    unrounded_ = unrounded_result(problem, operands);
  }
  spectrum_ = std::abs(epilogue.alpha) * norm(second.values<double>());
  const std::int64_t images = problem.pass == Pass::backward_filter ? 1 : problem.batch;
  norms_ = extended_norms(problem, first, static_cast<std::size_t>(images));
}

double Bound::integer_ratio(const ErrorBound& bound, const Operand& actual) const {
  const Tensor copy = compact_copy(actual.view(), f64);
  const auto x = copy.values<double>();
  const auto y = unrounded_.values<double>();
  const auto magnitude = magnitude_.values<double>();
  const bool normwise = bound.kind == ErrorBound::Kind::normwise;
  const double constant = normwise ? 0 : bound.constant;
  const std::size_t part = norms_.empty() ? 0 : x.size() / norms_.size();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error =
        store_distance(y[i], x[i], problem_.result_dtype(), {problem_.overflow, problem_.rounding});
    if (error == 0) continue;
    // The last term: the distance itself is rounded.
    const double allowed = slope_ * (fixed_ + constant) * magnitude[i] + 0x1p-52 * std::abs(y[i]) +
                           (normwise ? slope_ * bound.constant * norms_[i / part] * spectrum_ : 0);
    const double ratio = error / allowed;
    worst = std::max(worst, std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio);
  }
  return worst;
}

double Bound::ratio(const ErrorBound& bound, const Operand& actual, const Operand& expected) const {
  if (is_integer(problem_.accumulator) || bound.kind == ErrorBound::Kind::exact) {
    return first_difference(actual, expected).empty() ? 0 : std::numeric_limits<double>::infinity();
  }
  const DType type = problem_.result_dtype();
  if (is_integer(type)) return integer_ratio(bound, actual);
  const Tensor a = compact_copy(actual.view(), c128);
  const Tensor b = compact_copy(expected.view(), c128);
  const auto x = a.values<Complex>();
  const auto y = b.values<Complex>();
  const auto magnitude = magnitude_.values<double>();
  const bool normwise = bound.kind == ErrorBound::Kind::normwise;
  const std::size_t part = norms_.empty() ? 0 : x.size() / norms_.size();
  const auto divide = [](double error, double allowed) {
    if (error == 0) return 0.0;
    const double ratio = error / allowed;
    return std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
  };
  double worst = 0;
  for (std::size_t image = 0; image < norms_.size(); ++image) {
    double error_squares = 0;
    double allowed_squares = 0;
    for (std::size_t i = image * part; i < (image + 1) * part; ++i) {
      // Infinities and NaNs that the definition gives are no error.
      const bool same = x[i] == y[i] || (x[i] != x[i] && y[i] != y[i]);
      const Complex difference = same ? Complex(0) : x[i] - y[i];
      const double error = std::abs(difference);
      const double allowed = slope_ * fixed_ * magnitude[i] +
                             2 * (unit_roundoff(type) * std::abs(y[i]) + underflow(type));
      if (!normwise) {
        const double limit = allowed + slope_ * bound.constant * magnitude[i];
        worst = std::max(worst, divide(error, limit));
      }
      error_squares += error * error;
      allowed_squares += allowed * allowed;
    }
    if (normwise) {
      const double limit =
          std::sqrt(allowed_squares) + slope_ * bound.constant * norms_[image] * spectrum_;
      worst = std::max(worst, divide(std::sqrt(error_squares), limit));
    }
  }
  return worst;
}

}  // namespace faltung::tools

#include "tests/support/error_check.hpp"

#include <cmath>
#include <limits>

#include "cpp/core/geometry.hpp"
#include "cpp/core/store_distance.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/reference_engine.hpp"

namespace faltung::test {
namespace {

// The same sums over compact f64 tensors, without epilogue.
Problem in_f64(Problem p) {
  p.input = p.filter = p.output = p.accumulator = DType::f64;
  p.layout = Layout::channels_first;
  p.x_strides = p.w_strides = p.y_strides = {};
  p.conjugate = false;
  p.epilogue = {};
  p.overflow = Overflow::wrap;
  p.rounding = Rounding::truncate;
  return p;
}

// Index in layout order from (outer, channel, spatial...).
Extents in_layout(Layout layout, const Extents& index) {
  if (layout == Layout::channels_first) return index;
  Extents result{index[0]};
  for (std::size_t i = 2; i < index.size(); ++i) result.push_back(index[i]);
  result.push_back(index[1]);
  return result;
}

// |a|, or |a|^2, compact and channels first.
Array magnitudes(const Problem& p, const Array& a, bool squared) {
  Shape shape{a.shape()[0], p.layout == Layout::channels_last ? a.shape().back() : a.shape()[1]};
  for (std::size_t i = 0; i < p.rank(); ++i) {
    shape.push_back(a.shape()[p.layout == Layout::channels_last ? i + 1 : i + 2]);
  }
  return Array(DType::f64, shape).fill([&](const Extents& index) {
    const std::complex<double> value = a.get(in_layout(p.layout, index));
    return squared ? std::norm(value) : std::abs(value);
  });
}

Array run_reference(const Problem& p, const Array& first, const Array& second) {
  Operands operands = zero_operands(p);
  operands.first = first;
  operands.second = second;
  return run_guarded(cpu_device(), reference_engine(), p, operands);
}

// |first| * |second| at every element of the result.
Array magnitude_sums(const Problem& p, const Operands& operands) {
  Problem absolute = in_f64(p);
  for (Axis& axis : absolute.axes) {
    axis.below.value = std::abs(axis.below.value);
    axis.above.value = std::abs(axis.above.value);
  }
  return run_reference(absolute, magnitudes(p, operands.first, false),
                       magnitudes(p, operands.second, false));
}

// Sum of |X|^2 over all positions that any output looks at, for each [batch, channel]: the one-tap
// problem that copies the extended input.
Array extended_squares(const Problem& p, const Array& x) {
  Problem copy = in_f64(p);
  copy.pass = Pass::forward;
  copy.groups = copy.out_channels = copy.in_channels;
  copy.flip = false;
  for (Axis& axis : copy.axes) {
    axis.pad_hi = extended_extent(axis) - axis.dilated_input() - axis.pad_lo;
    axis.filter = axis.stride = axis.dilation = 1;
    axis.below.value = std::norm(axis.below.value);
    axis.above.value = std::norm(axis.above.value);
  }
  const Array ones = Array(DType::f64, copy.w_shape()).fill([](const Extents&) { return 1.0; });
  const Array squares = run_reference(copy, magnitudes(p, x, true), ones);
  Array sums(DType::f64, {p.batch, p.in_channels});
  for_each_index(squares.shape(), [&](std::int64_t, const Extents& index) {
    const Extents at{index[0], index[1]};
    sums.set(at, sums.get(at) + squares.get(index));
  });
  return sums;
}

// Sum of |a|^2 for each [outer, channel].
Array plane_squares(const Problem& p, const Array& a) {
  const Array squares = magnitudes(p, a, true);
  Array sums(DType::f64, {squares.shape()[0], squares.shape()[1]});
  for_each_index(squares.shape(), [&](std::int64_t, const Extents& index) {
    const Extents at{index[0], index[1]};
    sums.set(at, sums.get(at) + squares.get(index));
  });
  return sums;
}

// ||first|| ||second|| for every [outer, channel] of the result, over the channels or images that
// it sums.
Array norm_products(const Problem& p, const Operands& operands) {
  const std::int64_t inputs = p.in_channels / p.groups;
  const std::int64_t outputs = p.out_channels / p.groups;
  const auto sum = [](const Array& squares, std::int64_t first, std::int64_t second,
                      std::int64_t count, bool along_first) {
    double total = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      total +=
          squares.get(along_first ? Extents{first + i, second} : Extents{first, second + i}).real();
    }
    return total;
  };
  const Array first = p.pass == Pass::backward_data ? plane_squares(p, operands.first)
                                                    : extended_squares(p, operands.first);
  const Array second = plane_squares(p, operands.second);
  const Shape shape{p.pass == Pass::backward_filter ? p.out_channels : p.batch,
                    p.pass == Pass::forward         ? p.out_channels
                    : p.pass == Pass::backward_data ? p.in_channels
                                                    : inputs};
  return Array(DType::f64, shape).fill([&](const Extents& at) {
    const std::int64_t channel = at[1];
    double squares = 0;
    switch (p.pass) {
      case Pass::forward:
        squares = sum(first, at[0], channel / outputs * inputs, inputs, false) *
                  sum(second, channel, 0, inputs, false);
        break;
      case Pass::backward_data:
        squares = sum(first, at[0], channel / inputs * outputs, outputs, false) *
                  sum(second, channel / inputs * outputs, channel % inputs, outputs, true);
        break;
      case Pass::backward_filter:
        squares = sum(first, 0, at[0] / outputs * inputs + channel, p.batch, true) *
                  sum(second, 0, at[0], p.batch, true);
        break;
    }
    return std::sqrt(squares);
  });
}

// Steepest slope of an activation; those of gelu and silu are 1.1290 and 1.0999.
double steepness(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::gelu:
      return 1.13;
    case ActivationKind::silu:
      return 1.1;
    case ActivationKind::leaky_relu:
      return std::max(1.0, std::abs(activation.a));
    default:
      return 1;
  }
}

// The reference before its store.
Array unrounded_reference(Problem p, const Operands& operands) {
  DType& type = p.pass == Pass::forward         ? p.output
                : p.pass == Pass::backward_data ? p.input
                                                : p.filter;
  type = p.accumulator = DType::f64;
  p.x_strides = p.pass == Pass::backward_data ? Strides{} : p.x_strides;
  p.w_strides = p.pass == Pass::backward_filter ? Strides{} : p.w_strides;
  p.y_strides = p.pass == Pass::forward ? Strides{} : p.y_strides;
  Operands wide = zero_operands(p);
  wide.first = operands.first;
  wide.second = operands.second;
  wide.before.fill([&](const Extents& index) { return operands.before.get(index); });
  if (p.epilogue.bias) {
    wide.bias.fill([&](const Extents& index) { return operands.bias.get(index); });
  }
  return run_guarded(cpu_device(), reference_engine(), p, wide);
}

// How far apart two results are; of integers, how far the sum `a` is from one that is stored as b.
double distance(const Array& a, const Array& b, const Extents& index, const Problem& p) {
  const std::complex<double> x = a.get(index);
  const std::complex<double> y = b.get(index);
  if (is_integer(b.dtype())) {
    return store_distance(x.real(), y.real(), b.dtype(), {p.overflow, p.rounding});
  }
  return x == y ? 0 : std::abs(x - y);  // infinities too
}

}  // namespace

double error_ratio(const Problem& p, const Operands& operands, const Array& stored,
                   const Array& result, const ErrorBound& bound) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (same_elements(stored, result)) return 0;
  if (bound.kind == ErrorBound::Kind::exact || is_integer(p.accumulator)) return infinity;
  const bool to_integers = is_integer(p.result_dtype());
  const Array reference = to_integers ? unrounded_reference(p, operands) : stored;

  const ErrorBound own = reference_engine().offer(p, Device::cpu()).prepare()->error_bound();
  const Array sums = magnitude_sums(p, operands);
  const double slope = steepness(p.epilogue.activation);
  const double scale = std::abs(p.epilogue.alpha) * slope;
  const DType type = p.result_dtype();
  // Half a unit in the last place, and half of the smallest number. What integers are compared
  // with is not rounded, but its distance to a step of the store is.
  const double relative = to_integers ? 0x1p-53 : unit_roundoff(type);
  const double absolute = to_integers ? 0 : type == DType::f16 ? 0x1p-25 : 0x1p-134;

  const bool normwise = bound.kind == ErrorBound::Kind::normwise;
  const Array norms = normwise ? norm_products(p, operands) : Array();
  Array errors(DType::f64, {sums.shape()[0], sums.shape()[1]});
  Array allowed(DType::f64, {sums.shape()[0], sums.shape()[1]});
  double worst = 0;
  for_each_index(sums.shape(), [&](std::int64_t, const Extents& at) {
    const Extents index = in_layout(p.layout, at);
    const double error = distance(reference, result, index, p);
    const double sum = sums.get(at).real();
    double rest = scale * own.constant * sum;
    // Eight roundings of the epilogue in double, on each side.
    double terms = std::abs(p.epilogue.alpha) * sum;
    if (p.epilogue.beta != 0) {
      terms += std::abs(p.epilogue.beta) * std::abs(operands.before.get(index));
    }
    if (p.epilogue.bias)
      terms += std::abs(operands.bias.get({at[p.pass == Pass::backward_filter ? 0 : 1]}));
    if (!(p.epilogue == Epilogue{})) rest += 16 * 0x1p-53 * slope * terms;
    rest += 2 * (relative * std::abs(reference.get(index)) + absolute);
    if (!normwise) {
      const double limit = scale * bound.constant * sum + rest;
      worst = std::max(worst, std::isfinite(error) ? error / limit : infinity);
      return;
    }
    const Extents plane{at[0], at[1]};
    errors.set(plane, errors.get(plane) + error * error);
    allowed.set(plane, allowed.get(plane) + rest * rest);
  });
  if (!normwise) return worst;
  for_each_index(norms.shape(), [&](std::int64_t, const Extents& plane) {
    const double limit =
        scale * bound.constant * norms.get(plane).real() + std::sqrt(allowed.get(plane).real());
    const double error = std::sqrt(errors.get(plane).real());
    worst = std::max(worst, std::isfinite(error) ? error / limit : infinity);
  });
  return worst;
}

}  // namespace faltung::test

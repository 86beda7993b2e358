// Masked convolution: two sums by the definition, and their quotient with the error of both.

#include <algorithm>
#include <cmath>
#include <limits>

#include <faltung/masked.hpp>
#include "cpp/frontend/image_pass.hpp"
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {
namespace {

image::MaskedOptions options_of(const Case& c) {
  image::MaskedOptions o{.axes = c.numbers("axes"),
                         .keep_gain = c.has("gain"),
                         .min_count = c.number("count"),
                         .preserve_nan = c.has("preserve"),
                         .output = c.type("output"),
                         .accumulator = c.type("acc"),
                         .method = c.method()};
  if (const auto boundaries = c.boundaries("boundary"); !boundaries.empty()) {
    o.boundary = boundaries;
  }
  if (const auto origins = c.numbers("origin"); !origins.empty()) o.origin = origins;
  if (c.has("keep")) o.fill = std::nullopt;
  if (c.has("fill")) o.fill = c.real("fill");
  if (c.has("nan")) o.nan = parse_nan_rule(c.text("nan"));
  if (o.nan == NanRule::value) o.nan_value = 2;
  return o;
}

// Data as they are convolved, the weights, and 1 for every weight above 0.
struct Loaded {
  std::vector<Value> values, weights, counted;
};
Loaded loaded(const std::vector<Value>& x, const std::vector<Value>& weights,
              const image::MaskedOptions& o, long double unit, long double limit) {
  Loaded all;
  for (std::size_t i = 0; i < x.size(); ++i) {
    long double value = x[i].re, weight = weights.empty() ? 1 : weights[i].re;
    if (std::isnan(value) && o.nan == NanRule::missing) weight = 0;
    if (std::isnan(value) && o.nan == NanRule::value) value = o.nan_value;
    const long double product = weight == 0 ? 0 : value * weight;
    const bool plain = weight == 0 || weight == 1;
    Value v{product};
    if (!plain && std::isfinite(product))
      v.error = unit * std::fabs(product) + half_denorm_min(f32);
    // Beyond the range of the sums the product is infinite.
    if (std::isfinite(product) && std::fabs(product) >= limit) {
      v.error = std::numeric_limits<long double>::infinity();
    }
    all.values.push_back(v);
    all.weights.push_back({weight});
    all.counted.push_back({weight > 0 ? 1.0L : 0.0L});
  }
  return all;
}

// sum / divisor with the errors of both.
Settled quotient(const Settled& sum, const Settled& divisor, long double gain, long double unit) {
  Settled y = sum;
  y.re = sum.re / divisor.re * gain;
  if (!std::isfinite(sum.re)) return y;
  const long double least = std::fabs(divisor.re) - divisor.error;
  if (!(least > 0) || sum.may_overflow) {
    y.anything = true;
    return y;
  }
  y.error = std::fabs(gain) * (sum.error + std::fabs(sum.re / divisor.re) * divisor.error) / least +
            6 * unit * std::fabs(y.re) + half_denorm_min(f32) * (1 + std::fabs(gain));
  y.may_overflow = std::fabs(y.re) + y.error >= largest(f32) / 2;
  return y;
}

}  // namespace

std::string judge_masked(const Case& c) {
  const Operand x(c, "x"), w(c, "w");
  const bool convolves = c.front() == "image.masked_convolve";
  const std::size_t rank = x.shape().size();
  image::MaskedOptions o = options_of(c);
  std::optional<Operand> weights;
  if (c.has("weights")) weights.emplace(c, "weights");
  if (weights) o.weights = weights->view();

  const auto axes = filtered_axes(c, rank);
  const auto boundaries = o.boundary.expand("boundary", axes.size());
  const auto origins = o.origin.expand("origin", axes.size());
  Geometry of_data, of_weights;
  of_data.input = of_weights.input = f64;
  for (const std::int64_t extent : x.shape()) {
    of_data.axes.push_back({.input = extent, .output = extent});
  }
  of_weights.axes = of_data.axes;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t n = x.shape()[axes[i]], taps = w.shape()[i];
    Boundary outside = boundaries[i];
    of_data.axes[axes[i]] = image_line(convolves, n, taps, origins[i], outside);
    if (outside.kind == BoundaryKind::constant) outside = Boundary::constant(1);
    of_weights.axes[axes[i]] = image_line(convolves, n, taps, origins[i], outside);
  }
  long double sum_of_taps = 0;
  for (const Value& tap : w.grid().values) sum_of_taps += tap.re;
  if (sum_of_taps == 0) return {};  // which is refused

  const Tensor y =
      convolves ? masked_convolve(x.view(), w.view(), o) : masked_correlate(x.view(), w.view(), o);
  const DType type = o.output.value_or(x.type());
  if (std::string form = check_form(y.view(), type, x.shape()); !form.empty()) return form;

  const bool wide = x.type() == f64 || type == f64 || o.accumulator == f64;
  const DType sums = wide ? f64 : f32;
  const long double unit = unit_roundoff(sums);
  const TensorView image{nullptr, sums, x.shape(), compact_strides(x.shape()), Device::cpu()};
  const image::Call call{.method = Method::direct};
  const Rule rule = rule_of_pass(call, image, w, image, of_data, axes, convolves);
  const Grid filter = filter_over(w.grid(), axes, rank);
  const Loaded data =
      loaded(x.grid().values, weights ? weights->grid().values : std::vector<Value>{}, o, unit,
             largest(sums));
  std::vector<Value> ones(filter.values.size(), Value{1});
  const auto sum = forward(of_data, data.values, filter.values);
  const auto divisor = forward(of_weights, data.weights, filter.values);
  const auto count = forward(of_weights, data.counted, ones);
  const bool divides = weights || o.nan == NanRule::missing;
  std::vector<Settled> numbers;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const Value original = x.grid().values[i];
    Settled by = settle(divisor[i], rule);
    if (!divides) by.re = sum_of_taps;
    // The sum of the taps rounds like any other, and equal taps are a quotient of it.
    by.error +=
        4 * unit * (static_cast<long double>(w.grid().values.size()) + 2) * std::fabs(by.re);
    const bool empty =
        by.re == 0 || (o.min_count > 1 && count[i].re < static_cast<long double>(o.min_count));
    Settled number = quotient(settle(sum[i], rule), by, o.keep_gain ? sum_of_taps : 1, unit);
    if (empty) number = {.re = o.fill ? static_cast<long double>(*o.fill) : original.re};
    if (o.preserve_nan && std::isnan(original.re)) number = {.re = original.re};
    numbers.push_back(number);
  }
  Rule store = rule;
  store.result = type;
  return first_fault(numbers, store, read(y.view()));
}

}  // namespace faltung::test::surface

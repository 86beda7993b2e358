#include "tests/surface/passes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/surface/compare.hpp"
#include "tests/surface/definition.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {
namespace {

constexpr long double unbounded = std::numeric_limits<long double>::infinity();

// docs/promotion.md, the table of `image`.
DType sum_type(DType in, const Setting& s, bool whole) {
  const bool integers = is_integer(in) && is_integer(s.result);
  if (whole && integers && (s.store.overflow == Overflow::wrap || size_of(in) < 8)) return i64;
  const auto wide = [](DType type) {
    return type == f64 || type == c128 || (is_integer(type) && size_of(type) > 2);
  };
  DType sums = is_integer(s.result) || wide(in) || wide(s.result) ? f64 : f32;
  if (s.accumulator) sums = *s.accumulator;
  return !is_complex(s.result) ? sums : sums == f64 ? c128 : c64;
}

bool is_whole(const std::vector<double>& taps) {
  return std::ranges::all_of(taps, [](double tap) { return tap == std::trunc(tap); });
}

Geometry geometry_of(const Image& image, const Setting& s, const Step& step) {
  Geometry geometry;
  geometry.input = image.type;
  for (const std::int64_t extent : s.shape) {
    geometry.axes.push_back({.input = extent, .output = extent});
  }
  geometry.axes[step.axis] =
      image_line(false, s.shape[step.axis], static_cast<std::int64_t>(step.taps.size()),
                 step.origin, step.boundary);
  return geometry;
}

Rule rule_of_line(const Image& image, const Setting& s, const Step& step) {
  Rule rule{.result = s.result, .overflow = s.store.overflow, .rounding = s.store.rounding};
  rule.accumulator = sum_type(image.type, s, is_whole(step.taps));
  rule.bound.kind = ErrorBound::Kind::elementwise;
  // Integers of 64 bits do not fit into f64.
  if (is_integer(image.type) && size_of(image.type) == 8) rule.conversions = 0x1p-53L;
  // n + 2 roundings; those of complex sums weigh more: Higham, lemma 3.5.
  rule.bound.constant = static_cast<double>(step.taps.size() + 2) *
                        unit_roundoff(rule.accumulator) *
                        (is_complex(rule.accumulator) ? 1.5 : 1.0);
  // Between two steps as one filter, products may vanish before they are scaled up again.
  for (const double tap : step.taps) rule.largest_factor += std::fabs(tap);
  return rule;
}

// The sums of |w| times the sizes so far.
std::vector<long double> grown(const Image& image, const Geometry& geometry, const Step& step) {
  std::vector<Value> sizes, taps;
  for (const long double size : image.sizes) sizes.push_back({size});
  for (const double tap : step.taps) taps.push_back({std::fabs(tap)});
  std::vector<long double> result;
  for (const Sum& sum : forward(geometry, sizes, taps)) result.push_back(sum.re);
  return result;
}

// Integers that an earlier store left open are sums of numbers with an error.
Rule rule_for(const Sum& sum, Rule rule) {
  if (is_integer(rule.accumulator) && sum.error != 0) {
    rule.accumulator = f64;
    rule.bound.constant = 0;
  }
  return rule;
}
Settled settled(const Sum& sum, const Rule& rule, const Value& before) {
  Settled number = settle(sum, rule_for(sum, rule), before);
  number.may_overflow = number.may_overflow && !is_integer(rule.accumulator);
  return number;
}

Image one_line(const Image& image, const Setting& s, const Step& step,
               const std::vector<Value>* before = nullptr) {
  const Geometry geometry = geometry_of(image, s, step);
  std::vector<Value> taps;
  for (const double tap : step.taps) taps.push_back({tap});
  Rule rule = rule_of_line(image, s, step);
  if (before != nullptr) rule.epilogue.beta = 1;
  const auto sums = forward(geometry, image.values, taps);
  Image result{s.result, {}, grown(image, geometry, step)};
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const Value old = before == nullptr ? Value{} : (*before)[i];
    result.values.push_back(stored(settled(sums[i], rule, old), rule_for(sums[i], rule)));
  }
  return result;
}

}  // namespace

// All lines in turn, or, which the library may do where it is the same, as one filter: that errs by
// d (n + 2) + 3 (d + 1) units of the product of all magnitudes.
Image filtered(Image image, const Setting& s, const std::vector<Step>& steps,
               const std::vector<Value>* before) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    longest = std::max(longest, steps[i].taps.size());
    image = one_line(image, s, steps[i], i + 1 == steps.size() ? before : nullptr);
  }
  if (is_integer(s.result)) return image;
  const auto d = static_cast<long double>(steps.size());
  const long double units = d * static_cast<long double>(longest + 2) + 3 * (d + 1);
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    Value& value = image.values[i];
    const auto unit = static_cast<long double>(unit_roundoff(s.result));
    const long double size = image.sizes[i] + (before == nullptr ? 0 : magnitude((*before)[i]));
    if (is_finite(value))
      value.error = std::max(value.error, units * unit * size + value.error / 2);
  }
  return image;
}

Image stored_copy(const Image& image, const Setting& s) {
  return filtered(image, s, {Step{0, {1}, 0, {}}});
}

namespace {

// The exact quotient as an integer.
long double whole_quotient(SignedWide sum, std::int64_t size, Rounding rounding) {
  SignedWide quotient = sum / size;
  const SignedWide rest = sum % size;
  if (rounding == Rounding::nearest_even) {
    const SignedWide twice = 2 * (rest < 0 ? -rest : rest);
    if (twice > size || (twice == size && quotient % 2 != 0)) quotient += sum < 0 ? -1 : 1;
  }
  return static_cast<long double>(quotient);
}

}  // namespace

Image mean(const Image& image, const Setting& s, const Step& step, bool exact) {
  const auto size = static_cast<std::int64_t>(step.taps.size());
  const Geometry geometry = geometry_of(image, s, step);
  const auto sums = forward(geometry, image.values, std::vector<Value>(step.taps.size(), {1}));
  Rule rule = rule_of_line(image, s, step);
  if (is_integer(rule.accumulator)) rule.accumulator = s.accumulator.value_or(f64);
  rule.epilogue.alpha = 1 / static_cast<double>(size);
  const bool whole = is_integer(image.type);
  const auto unit = static_cast<long double>(unit_roundoff(exact ? f64 : rule.accumulator));
  rule.bound.constant = static_cast<double>(static_cast<long double>(size + 2) * unit);
  Image result{s.result, {}, image.sizes};
  for (const Sum& sum : sums) {
    Settled number = settle(sum, rule);
    if (whole && exact && sum.error == 0) {
      const auto total = static_cast<SignedWide>(sum.whole);
      number.error = 0x1p-52L * std::fabs(number.re);
      if (is_integer(s.result)) {
        number.re = whole_quotient(total, size, s.store.rounding);
        number.error = 0;
      }
    }
    // A sum may leave the range of the accumulator where the mean does not: its parts are added.
    if (!whole && is_finite({sum.re, sum.im}) && sum.magnitude < largest(s.result)) {
      number.may_overflow = false;
    }
    result.values.push_back(stored(number, rule));
  }
  result.sizes =
      grown(image, geometry,
            {step.axis, std::vector<double>(step.taps.size(), 1.0 / static_cast<double>(size)),
             step.origin, step.boundary});
  return result;
}

namespace {

Value added(const Value& a, const Value& b, const Setting& s) {
  Settled sum;
  sum.re = a.re + b.re;
  sum.error = a.error + b.error;
  // As a long double the sum of two numbers of 64 bits loses one.
  if (sum.error != 0) sum.error += (std::fabs(a.re) + std::fabs(b.re)) * 0x1p-63L;
  if (sum.error == 0) {  // 64-bit numbers need one bit more
    sum.whole = static_cast<Wide>(static_cast<SignedWide>(a.re) + static_cast<SignedWide>(b.re));
  }
  const Rule rule{.result = s.result,
                  .accumulator = sum.error == 0 ? i64 : f64,
                  .overflow = s.store.overflow,
                  .rounding = s.store.rounding};
  if (!std::isfinite(sum.error)) return {0, 0, unbounded};
  return stored(sum, rule);
}

Value squared(const Value& a, const Setting& s) {
  if (is_integer(s.result)) {
    if (!std::isfinite(a.error)) return {0, 0, unbounded};
    Settled square;
    square.re = a.re * a.re;
    square.error = 2 * std::fabs(a.re) * a.error + a.error * a.error;
    const auto root = static_cast<SignedWide>(a.re);
    square.whole = static_cast<Wide>(root) * static_cast<Wide>(root);
    const Rule rule{.result = s.result,
                    .accumulator = square.error == 0 ? i64 : f64,
                    .overflow = s.store.overflow,
                    .rounding = s.store.rounding};
    // A 128-bit square of 64-bit numbers as a long double is rounded; what wraps needs `whole`.
    return stored(square, rule);
  }
  Settled square;
  square.re = a.re * a.re;
  square.error = 2 * std::fabs(a.re) * a.error + a.error * a.error;
  square.anything = !std::isfinite(square.error);
  return stored(square, {.result = s.result, .accumulator = s.result});
}

Value float_sum(const Value& a, const Value& b, const Setting& s) {
  Settled sum;
  sum.re = a.re + b.re;
  sum.error = a.error + b.error;
  sum.anything = !std::isfinite(sum.error);
  return stored(sum, {.result = s.result, .accumulator = s.result});
}

Value root(const Value& a, const Setting& s) {
  if (!std::isfinite(a.error)) return a;
  if (!is_integer(s.result)) {
    if (std::isnan(a.re) || std::isinf(a.re)) return {std::sqrt(a.re)};
    const long double high = std::sqrt(a.re + a.error);
    const long double low = std::sqrt(std::max(0.0L, a.re - a.error));
    Settled middle;
    middle.re = std::sqrt(std::max(0.0L, a.re));
    middle.error = std::max(high - middle.re, middle.re - low);
    return stored(middle, {.result = s.result, .accumulator = s.result});
  }
  const auto whole = [&](long double value) -> long double {
    if (value <= 0) return 0;
    const auto v = static_cast<Wide>(value);
    auto r = static_cast<Wide>(std::sqrt(value));
    while (r * r > v) --r;
    while ((r + 1) * (r + 1) <= v) ++r;
    if (s.store.rounding == Rounding::nearest_even && v - r * r > r) ++r;
    return static_cast<long double>(r);
  };
  const long double low = whole(a.re - a.error), high = whole(a.re + a.error);
  return interval(low, high);
}

}  // namespace

Image summed(const Image& x, const Setting& s, const std::vector<std::vector<Step>>& terms) {
  if (terms.empty()) return stored_copy(x, s);
  Image total = filtered(x, s, terms.front());
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (!is_integer(s.result)) {
      const auto before = total.values;
      total = filtered(x, s, terms[i], &before);
      continue;
    }
    const Image term = filtered(x, s, terms[i]);
    for (std::size_t j = 0; j < total.values.size(); ++j) {
      total.values[j] = added(total.values[j], term.values[j], s);
    }
  }
  return total;
}

Image length(const Image& x, const Setting& s, const std::vector<std::vector<Step>>& terms) {
  if (terms.empty()) return stored_copy(x, s);
  std::vector<Value> total;
  for (const auto& term : terms) {
    const Image part = filtered(x, s, term);
    for (std::size_t j = 0; j < part.values.size(); ++j) {
      const Value square = squared(part.values[j], s);
      if (total.size() <= j) {
        total.push_back(square);
      } else {
        total[j] =
            is_integer(s.result) ? added(total[j], square, s) : float_sum(total[j], square, s);
      }
    }
  }
  for (Value& value : total) value = root(value, s);
  return {s.result, total, {}};
}

}  // namespace faltung::test::surface

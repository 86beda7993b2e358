#include "tests/surface/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace faltung::test::surface {

long double half_denorm_min(DType type) {
  switch (type) {
    case f16:
      return 0x1p-25L;
    case bf16:
      return 0x1p-134L;
    case f32:
    case c64:
      return 0x1p-150L;
    default:
      return 0x1p-1075L;
  }
}

long double min_normal(DType type) { return type == f64 || type == c128 ? 0x1p-1022L : 0x1p-126L; }

// Steepest slopes: 1.1290 of gelu and 1.0998 of silu, the maxima of their derivatives.
long double slope(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::leaky_relu:
      return std::max(1.0L, std::fabs(static_cast<long double>(activation.a)));
    case ActivationKind::gelu:
      return 1.13L;
    case ActivationKind::silu:
      return 1.10L;
    default:
      return 1;
  }
}

long double store_error(const Settled& number, const Rule& rule) {
  // Both parts of a complex number are rounded.
  const long double parts = is_complex(rule.result) ? 1.5L : 1;
  return static_cast<long double>(unit_roundoff(rule.result)) *
             (magnitude({number.re, number.im}) + number.error) +
         parts * half_denorm_min(rule.result);
}

namespace {

constexpr long double infinity = std::numeric_limits<long double>::infinity();

long double activated(const Activation& activation, long double v) {
  const long double a = activation.a, b = activation.b;
  switch (activation.kind) {
    case ActivationKind::none:
      return v;
    case ActivationKind::relu:
      return v < 0 ? 0 : v;  // NaN stays NaN
    case ActivationKind::leaky_relu:
      return v < 0 ? a * v : v;
    case ActivationKind::gelu:
      return v * std::erfc(-v * 0.70710678118654752440L) / 2;
    case ActivationKind::silu:
      return v / (1 + std::exp(-v));
    case ActivationKind::clamp:
      return v < a ? a : v > b ? b : v;
  }
  return v;
}

Wide whole_of(long double value) { return static_cast<Wide>(static_cast<SignedWide>(value)); }

// Whether the accumulator holds every partial sum: all products are multiples of 2^low, and even
// their magnitudes add up to no more than its digits hold.
bool is_exact(const Sum& sum, const Rule& rule) {
  const bool plain = rule.epilogue == Epilogue{} && rule.conversions == 0 && sum.error == 0;
  const int digits = rule.accumulator == f64 ? 53 : 24;
  return plain && !is_complex(rule.accumulator) &&
         sum.magnitude <= std::ldexp(1.0L, sum.low + digits);
}

Settled settle_whole(const Sum& sum, const Rule& rule, const Value& before, const Value& bias) {
  Wide total = sum.whole;
  if (rule.epilogue.beta != 0) total += whole_of(before.re);
  if (rule.epilogue.bias) total += whole_of(bias.re);
  const auto number = static_cast<SignedWide>(total);
  const Activation& activation = rule.epilogue.activation;
  if (activation.kind == ActivationKind::relu && number < 0) total = 0;
  if (activation.kind == ActivationKind::clamp) {
    total = static_cast<Wide>(std::clamp(number, static_cast<SignedWide>(activation.a),
                                         static_cast<SignedWide>(activation.b)));
  }
  Settled settled;
  settled.whole = total;
  settled.re = static_cast<long double>(static_cast<SignedWide>(total));
  return settled;
}

int bits_of(DType type) { return static_cast<int>(8 * size_of(type)); }
long double lowest(DType type) {
  return is_signed(type) ? -std::ldexp(1.0L, bits_of(type) - 1) : 0;
}
long double highest(DType type) {
  return std::ldexp(1.0L, bits_of(type) - (is_signed(type) ? 1 : 0)) - 1;
}

// Modulo 2^64, for any whole number.
std::uint64_t residue(long double whole) {
  const long double rest = std::fmod(whole, 0x1p64L);
  const auto size = static_cast<std::uint64_t>(std::fabs(rest));
  return rest < 0 ? 0 - size : size;
}

std::uint64_t mask(DType type) { return ~std::uint64_t{0} >> (64 - bits_of(type)); }

long double whole_number(long double value, Rounding rounding) {
  return rounding == Rounding::truncate ? std::trunc(value) : std::nearbyint(value);
}

// An integer that wrapped, as a number.
long double wrapped(std::uint64_t bits, DType type) {
  const long double value = static_cast<long double>(bits & mask(type));
  return value > highest(type) ? value - std::ldexp(1.0L, bits_of(type)) : value;
}

long double stored_integer(long double value, const Rule& rule) {
  if (std::isnan(value)) return 0;
  const bool saturates = rule.overflow == Overflow::saturate;
  if (std::isinf(value)) {
    return !saturates ? 0 : value < 0 ? lowest(rule.result) : highest(rule.result);
  }
  const long double whole = whole_number(value, rule.rounding);
  if (saturates) return std::clamp(whole, lowest(rule.result), highest(rule.result));
  return wrapped(residue(whole), rule.result);
}

bool admits_integer(const Settled& number, const Rule& rule, long double element) {
  if (is_integer(rule.accumulator)) {
    const auto whole = static_cast<SignedWide>(number.whole);
    if (rule.overflow == Overflow::wrap) {
      return wrapped(static_cast<std::uint64_t>(number.whole), rule.result) == element;
    }
    const auto low = static_cast<SignedWide>(lowest(rule.result));
    const auto high = static_cast<SignedWide>(highest(rule.result));
    return static_cast<SignedWide>(element) == std::clamp(whole, low, high);
  }
  if (number.may_overflow) return true;
  if (!std::isfinite(number.re)) return element == stored_integer(number.re, rule);
  const long double below = whole_number(number.re - number.error, rule.rounding);
  const long double above = whole_number(number.re + number.error, rule.rounding);
  if (rule.overflow == Overflow::saturate) {
    return element >= stored_integer(below, rule) && element <= stored_integer(above, rule);
  }
  // Some whole number from below to above has the residue of the element.
  if (above - below >= static_cast<long double>(mask(rule.result))) return true;
  const std::uint64_t steps = (residue(element) - residue(below)) & mask(rule.result);
  return static_cast<long double>(steps) <= above - below;
}

// A whole sum as a floating element: rounded once.
bool admits_whole(const Settled& number, const Rule& rule, const Value& element) {
  const auto whole = static_cast<SignedWide>(number.whole);
  if (rule.result == f32) return element.re == static_cast<float>(whole);
  if (rule.result == f64) return element.re == static_cast<double>(whole);
  const auto limit = static_cast<long double>(unit_roundoff(rule.result)) * std::fabs(number.re);
  if (!std::isfinite(element.re)) return std::fabs(number.re) + limit > largest(rule.result);
  return std::fabs(element.re - number.re) <= limit;
}

std::string shown(const Value& value) {
  std::ostringstream text;
  text.precision(21);
  text << value.re;
  if (value.im != 0) text << '+' << value.im << 'i';
  return text.str();
}

std::string fault(std::size_t i, const Settled& number, const Value& element) {
  std::ostringstream text;
  text.precision(21);
  text << "element " << i << " is " << shown(element) << " and must be "
       << shown({number.re, number.im}) << " within " << static_cast<double>(number.error);
  return text.str();
}

}  // namespace

Value interval(long double low, long double high) {
  if (low == high) return {low};
  const long double middle = low + (high - low) / 2;
  // 65 bits may be needed for the middle of integers of 64.
  return {middle, 0, (high - low) / 2 + std::fabs(middle) * 0x1p-63L};
}

Rule rule_of(const Plan& plan) {
  const Problem& p = plan.problem();
  Rule rule{.result = p.result_dtype(),
            .accumulator = p.accumulator,
            .overflow = p.overflow,
            .rounding = p.rounding,
            .epilogue = p.epilogue,
            .bound = plan.error_bound()};
  rule.spreads = plan.facts().spreads_non_finite;
  rule.flushes = plan.facts().flushes_subnormals;
  // Integers of 64 bits do not fit into f64.
  const auto rounds = [](DType type) { return is_integer(type) && size_of(type) == 8; };
  if (!is_integer(p.accumulator)) {
    for (const DType type : {p.input, p.filter, p.output}) {
      if (rounds(type)) rule.conversions += 0x1p-53L;
    }
  }
  return rule;
}

Settled settle(const Sum& sum, const Rule& rule, const Value& before, const Value& bias) {
  if (is_integer(rule.accumulator)) return settle_whole(sum, rule, before, bias);
  const Epilogue& e = rule.epilogue;
  const long double alpha = e.alpha, beta = e.beta;
  const long double unit = unit_roundoff(rule.accumulator);
  // A complex product rounds two products for each part.
  const long double min =
      half_denorm_min(rule.accumulator) * (is_complex(rule.accumulator) ? 3 : 1);
  Settled s;
  s.re = alpha * sum.re;
  s.im = alpha * sum.im;
  long double size = std::fabs(alpha) * sum.magnitude;
  if (beta != 0) {
    s.re += beta * before.re;
    s.im += beta * before.im;
    size += std::fabs(beta) * magnitude(before);
  }
  if (e.bias) {
    s.re += bias.re;
    s.im += bias.im;
    size += magnitude(bias);
  }
  // The definition's own sum has 64 bits; its last bit counts like the library's.
  const auto terms = static_cast<long double>(sum.terms);
  const bool by_norm = rule.bound.kind == ErrorBound::Kind::normwise;
  const long double constant = (by_norm ? 0 : static_cast<long double>(rule.bound.constant)) +
                               rule.conversions + terms * 0x1p-63L;
  s.error = std::fabs(alpha) * (constant * sum.magnitude + (1 + constant) * sum.error +
                                terms * min * rule.largest_factor);
  if (is_integer(rule.result) && is_exact(sum, rule)) s.error = 0;
  if (beta != 0) s.error += std::fabs(beta) * before.error;
  const bool plain = e == Epilogue{};
  // A product, a sum and the factor itself round, for alpha, beta and bias.
  // Factors below the smallest numbers of the accumulator are rounded by half of these.
  if (!plain) {
    s.error += 8 * unit * (size + s.error) + min * (4 + sum.magnitude + magnitude(before));
  }
  const long double limit = largest(rule.accumulator);
  s.may_overflow = std::max(sum.magnitude, size) * (1 + 0x1p-10L) >= limit;
  s.anything = std::isinf(s.error) || std::isnan(s.error);
  for (const long double factor : {alpha, beta, static_cast<long double>(e.activation.a),
                                   static_cast<long double>(e.activation.b)}) {
    s.anything = s.anything || std::fabs(factor) > limit;
  }
  if (e.activation.kind == ActivationKind::none) return s;
  s.anything = s.anything || s.may_overflow;  // an infinity on the way may be cut off
  const long double before_activation = std::fabs(s.re);
  s.re = activated(e.activation, s.re);
  s.error =
      slope(e.activation) * s.error + 8 * unit * std::fabs(s.re) + min * (4 + before_activation);
  if (e.activation.kind == ActivationKind::gelu || e.activation.kind == ActivationKind::silu) {
    // exp and erfc leave the range where the product is about the smallest normal number.
    s.error += before_activation * 2 * min_normal(rule.accumulator);
    s.anything = s.anything || !std::isfinite(before_activation);
  }
  return s;
}

bool admits(const Settled& number, const Rule& rule, const Value& element) {
  if (number.anything) return true;
  if (is_integer(rule.result)) return admits_integer(number, rule, element.re);
  if (is_integer(rule.accumulator)) return admits_whole(number, rule, element);
  const bool finite = is_finite(element);
  if (!std::isfinite(number.re) || !std::isfinite(number.im)) {
    if (number.may_overflow || rule.spreads || rule.flushes || is_complex(rule.result)) {
      return !finite;
    }
    return std::isnan(number.re) ? std::isnan(element.re) : element.re == number.re;
  }
  const long double limit = number.error + store_error(number, rule);
  if (!finite) {
    return number.may_overflow || magnitude({number.re, number.im}) + limit >= largest(rule.result);
  }
  return magnitude({element.re - number.re, element.im - number.im}) <= limit;
}

Value stored(const Settled& number, const Rule& rule) {
  if (number.anything || number.may_overflow) return {0, 0, infinity};
  if (!is_integer(rule.result)) {
    if (!std::isfinite(number.re) || !std::isfinite(number.im)) {
      // Infinity times what counts as 0 is NaN, which the next pass would tell from infinity.
      return rule.flushes ? Value{0, 0, infinity} : Value{number.re, number.im};
    }
    const long double error = number.error + store_error(number, rule);
    if (magnitude({number.re, number.im}) + error >= largest(rule.result)) return {0, 0, infinity};
    return {number.re, number.im, error};
  }
  if (is_integer(rule.accumulator)) {
    return {rule.overflow == Overflow::wrap
                ? wrapped(static_cast<std::uint64_t>(number.whole), rule.result)
                : std::clamp(number.re, lowest(rule.result), highest(rule.result))};
  }
  if (!std::isfinite(number.re)) return {stored_integer(number.re, rule)};
  const long double below = whole_number(number.re - number.error, rule.rounding);
  const long double above = whole_number(number.re + number.error, rule.rounding);
  const long double low = stored_integer(below, rule), high = stored_integer(above, rule);
  if (high < low || (rule.overflow == Overflow::wrap && high - low != above - below)) {
    return {0, 0, infinity};  // it wraps somewhere between
  }
  return interval(low, high);
}

std::string first_fault(const std::vector<Settled>& numbers, const Rule& rule, const Grid& result) {
  if (numbers.size() != result.values.size()) return "the result has the wrong number of elements";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (!admits(numbers[i], rule, result.values[i])) return fault(i, numbers[i], result.values[i]);
  }
  return {};
}

}  // namespace faltung::test::surface

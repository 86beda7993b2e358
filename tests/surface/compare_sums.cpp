// Sums and the results that they may give: what is true of all of them together.

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/surface/compare.hpp"

namespace faltung::test::surface {
namespace {

// What an engine that errs by the norm adds to the error of every sum.
struct Shared {
  bool by_norm = false;
  long double steep = 1;  // what the epilogue makes of an error at most
  long double error = 0;
};
Shared shared_error(const Rule& rule, const Norms& norms) {
  Shared shared;
  shared.by_norm = rule.bound.kind == ErrorBound::Kind::normwise && !is_integer(rule.accumulator);
  shared.steep =
      slope(rule.epilogue.activation) * std::fabs(static_cast<long double>(rule.epilogue.alpha));
  if (shared.by_norm) {
    shared.error = shared.steep * (static_cast<long double>(rule.bound.constant) * norms.product +
                                   norms.underflow * half_denorm_min(rule.accumulator));
  }
  return shared;
}

// With their own errors only.
std::vector<Settled> settle_all(const std::vector<Sum>& sums, const Rule& rule, const Norms& norms,
                                const Background& background) {
  const bool touched = std::ranges::any_of(sums, [](const Sum& sum) { return sum.touched; });
  // Whether the numbers of a transform stay in range depends on its length.
  const bool spread = rule.spreads && (touched || !norms.finite);
  const bool out_of_range =
      shared_error(rule, norms).by_norm && !(norms.reach < largest(rule.accumulator));
  std::vector<Settled> numbers;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const Value before = background.before == nullptr ? Value{} : (*background.before)[i];
    Value bias;
    if (background.bias != nullptr) {
      const auto count = static_cast<std::int64_t>(background.bias->size());
      bias = (*background.bias)[static_cast<std::size_t>(static_cast<std::int64_t>(i) /
                                                         background.inner % count)];
    }
    Settled number = settle(sums[i], rule, before, bias);
    const bool finite = std::isfinite(number.re) && std::isfinite(number.im);
    if (out_of_range || (spread && (finite || is_integer(rule.result)))) number.anything = true;
    numbers.push_back(number);
  }
  return numbers;
}

void add_shared(std::vector<Settled>& numbers, const std::vector<Sum>& sums, const Rule& rule,
                const Norms& norms) {
  const Shared shared = shared_error(rule, norms);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    Settled& number = numbers[i];
    if (rule.flushes && std::isfinite(number.re) && std::isfinite(number.im)) {
      number.error += shared.steep * static_cast<long double>(sums[i].terms) *
                      min_normal(rule.accumulator) * (1 + norms.largest);
    }
    // An infinite alpha times nothing is no bound: what is shared counts only where it is a number.
    if (std::isfinite(shared.error)) number.error += shared.error;
  }
}

// The norm of the errors of finite floating results, and what their own errors allow.
std::string norm_fault(const std::vector<Settled>& numbers, const Rule& rule, long double shared,
                       const Grid& result) {
  long double errors = 0, allowed = 0;
  for (std::size_t i = 0; i < numbers.size() && i < result.values.size(); ++i) {
    const Settled& number = numbers[i];
    if (number.anything || !std::isfinite(number.re) || !std::isfinite(number.im)) continue;
    const Value& y = result.values[i];
    const long double own = number.error + store_error(number, rule);
    const long double off = magnitude({y.re - number.re, y.im - number.im});
    if (std::isfinite(off)) errors += off * off;
    allowed += own * own;
  }
  if (!(std::sqrt(errors) > std::sqrt(allowed) + shared)) return {};
  std::ostringstream text;
  text << "the errors have the norm " << static_cast<double>(std::sqrt(errors)) << ", allowed is "
       << static_cast<double>(std::sqrt(allowed) + shared);
  return text.str();
}

}  // namespace

std::vector<Settled> settled(const std::vector<Sum>& sums, const Rule& rule, const Norms& norms,
                             const Background& background) {
  std::vector<Settled> numbers = settle_all(sums, rule, norms, background);
  add_shared(numbers, sums, rule, norms);
  return numbers;
}

std::string first_fault(const std::vector<Sum>& sums, const Rule& rule, const Norms& norms,
                        const Background& background, const Grid& result) {
  const std::vector<Settled> own = settle_all(sums, rule, norms, background);
  std::vector<Settled> numbers = own;
  add_shared(numbers, sums, rule, norms);
  const Shared shared = shared_error(rule, norms);
  std::string message = first_fault(numbers, rule, result);
  if (message.empty() && shared.by_norm && !is_integer(rule.result)) {
    message = norm_fault(own, rule, shared.error, result);
  }
  return message;
}

}  // namespace faltung::test::surface

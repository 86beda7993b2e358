#pragma once

#include <optional>
#include <string>
#include <vector>

#include <faltung/plan.hpp>
#include "tests/surface/case.hpp"
#include "tests/surface/definition.hpp"

namespace faltung::test::surface {

/// How sums become elements, and how far they may be from the definition's.
struct Rule {
  DType result = DType::f32;
  DType accumulator = DType::f32;
  Overflow overflow = Overflow::wrap;
  Rounding rounding = Rounding::truncate;
  Epilogue epilogue = {};
  ErrorBound bound = {};
  /// Added to the bound's constant: roundings of operands, where the front end converts them.
  long double conversions = 0;
  /// NaN and infinity may reach other results: FFT, or what the plan's policy says.
  bool spreads = false;
  /// Subnormal operands may count as 0, as the plan's policy says.
  bool flushes = false;
  /// One engine scales lines of taps, so products below the smallest normal number count this much
  /// more than once.
  long double largest_factor = 1;
};

/// The rule of a planned problem.
[[nodiscard]] Rule rule_of(const Plan& plan);

/// A number before it is stored: what the definition gives, and how far the sum may be from it.
struct Settled {
  long double re = 0;
  long double im = 0;
  long double error = 0;
  Wide whole = 0;             ///< with an integer accumulator, instead of all else
  bool may_overflow = false;  ///< on the way, so that NaN or infinity are possible
  bool anything = false;      ///< nothing is promised
};

/// activation(alpha sum + beta before + bias) with the bound of the rule, if it is elementwise.
[[nodiscard]] Settled settle(const Sum& sum, const Rule& rule, const Value& before = {},
                             const Value& bias = {});
/// Whether an element is what the store makes of a number within the error.
[[nodiscard]] bool admits(const Settled& number, const Rule& rule, const Value& element);
/// The element that the store makes, with the error that it may have; an infinite one if the store
/// may give anything.
[[nodiscard]] Value stored(const Settled& number, const Rule& rule);

/// Half of a floating type's smallest number, to which results near zero are rounded.
[[nodiscard]] long double half_denorm_min(DType type);
[[nodiscard]] long double min_normal(DType accumulator);
/// By how much an activation enlarges an error at most.
[[nodiscard]] long double slope(const Activation& activation);
/// What rounding a number to a floating result adds to its error.
[[nodiscard]] long double store_error(const Settled& number, const Rule& rule);

/// All numbers from low to high.
[[nodiscard]] Value interval(long double low, long double high);

/// What stood in the result before, and the bias of its channels.
struct Background {
  const std::vector<Value>* before = nullptr;  ///< in the order of the sums
  const std::vector<Value>* bias = nullptr;
  std::int64_t inner = 1;  ///< results of one channel lie side by side, this many
};

/// The numbers of the sums, with all the error that they may have.
[[nodiscard]] std::vector<Settled> settled(const std::vector<Sum>& sums, const Rule& rule,
                                           const Norms& norms, const Background& background = {});

/// "" if all elements are within their bounds, or what the first that is not is and should be.
/// With a bound by the norm also the norm of all errors is checked.
[[nodiscard]] std::string first_fault(const std::vector<Sum>& sums, const Rule& rule,
                                      const Norms& norms, const Background& background,
                                      const Grid& result);

/// Of single numbers.
[[nodiscard]] std::string first_fault(const std::vector<Settled>& numbers, const Rule& rule,
                                      const Grid& result);

}  // namespace faltung::test::surface

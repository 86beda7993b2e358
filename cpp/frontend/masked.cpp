#include "cpp/frontend/masked.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <faltung/error.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {
namespace {

constexpr std::array<std::string_view, 3> rule_names = {"missing", "value", "spread"};

}  // namespace

std::string_view name(NanRule rule) noexcept {
  const auto index = static_cast<std::size_t>(rule);
  return index < rule_names.size() ? rule_names[index] : "unknown";
}

NanRule parse_nan_rule(std::string_view text) {
  const auto* const found = std::ranges::find(rule_names, text);
  if (found != rule_names.end()) return static_cast<NanRule>(found - rule_names.begin());
  throw InvalidProblem(message("nan is '", text, "'; it must be one of missing, value, spread"));
}

namespace masked {
namespace {

void check_words(const Words& words) {
  if (words.nan > NanRule::spread) {
    throw InvalidProblem(message("nan has the value ", static_cast<int>(words.nan),
                                 "; it must be missing, value or spread"));
  }
  // NaN is no value of its own here.
  if (words.nan != NanRule::value && !(words.nan_value == 0)) {
    throw InvalidProblem(message("nan_value is ", words.nan_value, " and nan ", name(words.nan),
                                 ", which has no use for it; use NanRule::value"));
  }
  if (!(words.min_weight >= 0 && words.min_weight <= 1)) {
    throw InvalidProblem(message("min_weight is ", words.min_weight,
                                 "; it is a share of the sum of all taps, 0 to 1"));
  }
  if (words.min_count < 0) {
    throw InvalidProblem(message("min_count is ", words.min_count, "; it must be at least 0"));
  }
}

// Elements of y and of the images: what a float counts exactly.
double max_count(DType type) { return type == f64 ? 0x1p53 : 0x1p24; }

}  // namespace

Types checked_types(const ConstTensorView& x, const ConstTensorView& w, std::string_view w_name,
                    const Words& words) {
  check_words(words);
  if (!is_real_float(x.dtype)) {
    throw InvalidProblem(message("x has type ", name(x.dtype),
                                 "; weights and quotients are those of f16, bf16, f32 or f64, so "
                                 "convert it to one of these"));
  }
  if (is_complex(w.dtype)) {
    throw InvalidProblem(message(w_name, " has complex type ", name(w.dtype),
                                 "; the sum of its taps is divided by, so give real ones"));
  }
  if (words.output && !is_real_float(*words.output)) {
    throw InvalidProblem(
        message("output is ", name(*words.output), "; quotients are f16, bf16, f32 or f64"));
  }
  if (words.accumulator && *words.accumulator != f32 && *words.accumulator != f64) {
    throw InvalidProblem(
        message("accumulator is ", name(*words.accumulator), "; sums are formed in f32 or f64"));
  }
  if (w.device.kind != DeviceKind::cpu) {
    throw NoEngine(message(w_name, " is on ", w.device,
                           ", and its taps are looked at before anything runs; copy it with "
                           "Tensor::to(Device::cpu()), wherever x is"));
  }
  Types types{.result = words.output.value_or(x.dtype)};
  const bool wide = x.dtype == f64 || types.result == f64 || words.accumulator == f64;
  types.sums = wide ? f64 : f32;
  if (words.accumulator == f32 && x.dtype == f64) {
    throw InvalidProblem(
        "accumulator is f32 and x has type f64, which it would round; leave it out");
  }
  return types;
}

namespace {

// What a run on the CPU finds while it loads.
double checked_largest(const Tensor& weights) {
  double largest = 0;
  for (const double weight : compact_copy(weights, f64).values<double>()) {
    if (!(weight >= 0 && weight <= std::numeric_limits<double>::max())) throw_misfit();
    largest = std::max(largest, weight);
  }
  return largest;
}

}  // namespace

Weights checked_weights(const ConstTensorView& weights, const ConstTensorView& x, DType sums,
                        bool keep) {
  if (!is_given(weights)) return {};
  if (weights.strides.size() != weights.shape.size()) {
    throw InvalidProblem(message("weights has ", weights.strides.size(), " strides for ",
                                 weights.shape.size(), " axes; give one stride per axis"));
  }
  bool fits = weights.shape.size() == x.shape.size();
  for (std::size_t i = 0; fits && i < x.shape.size(); ++i) {
    fits = weights.shape[i] == x.shape[i] || weights.shape[i] == 1;
  }
  if (!fits) {
    throw InvalidProblem(message("weights has shape ", weights.shape, ", x has ", x.shape,
                                 "; give it one weight per element, or the extent 1 along an axis "
                                 "where all have the same"));
  }
  if (is_complex(weights.dtype)) {
    throw InvalidProblem(message("weights has complex type ", name(weights.dtype), "; use f32"));
  }
  if (weights.device.kind != DeviceKind::cpu) {
    throw NoEngine(message("weights is on ", weights.device,
                           ", and they are looked at before anything runs; copy them with "
                           "Tensor::to(Device::cpu()), wherever x is"));
  }
  check_view(weights, {"weights", weights.dtype, weights.shape, weights.strides}, Device::cpu());
  Weights result{weights, {}};
  if (x.device.kind != DeviceKind::cpu) {
    const Tensor copy = compact_copy(weights, sums);
    result.largest = checked_largest(copy);
    result.memory = std::make_shared<const Tensor>(copy.to(x.device));
    result.view = result.memory->view();
  } else if (keep) {
    result.memory = std::make_shared<const Tensor>(compact_copy(weights, weights.dtype));
    result.view = result.memory->view();
  }
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    if (result.view.shape[i] == x.shape[i]) continue;
    result.view.shape[i] = x.shape[i];
    result.view.strides[i] = 0;
  }
  return result;
}

namespace {

// Sum, largest magnitude and the like of the taps, as they are in the type of the sums.
struct Numbers {
  double sum = 0, magnitude = 0;
  bool equal = true;
};
Numbers numbers_of(const Tensor& taps) {
  const Tensor values = compact_copy(taps.view(), f64);
  Numbers n;
  for (const double tap : values.values<double>()) {
    n.sum += tap;
    n.magnitude += std::abs(tap);
    n.equal = n.equal && tap == values.values<double>()[0];
  }
  return n;
}

}  // namespace

Taps prepare_taps(const ConstTensorView& w, std::string_view w_name, DType sums, bool weighted,
                  const Words& words) {
  const FloatEnvironment environment;
  Taps taps{.data = compact_copy(w, sums), .ones = {}, .rule = {}};
  const Numbers numbers = numbers_of(taps.data);
  const double count = static_cast<double>(taps.data.size());
  taps.equal = numbers.equal;
  taps.divides = weighted || words.nan == NanRule::missing;
  const bool normalises = taps.divides || !words.keep_gain;
  if (normalises && !std::isfinite(numbers.magnitude)) {
    throw InvalidProblem(message(w_name,
                                 " has a tap that is not finite, or they sum to infinity; "
                                 "their sum is divided by, so give finite ones"));
  }
  // Of n numbers: the rounding of each, and of their sum. Higham (2002), section 4.2.
  const double unit = sums == f64 ? 0x1p-53 : 0x1p-24;
  const double rounding = (count + 1) * unit * numbers.magnitude;
  if (normalises && std::abs(numbers.sum) <= rounding) {
    throw InvalidProblem(message(w_name, " sums to ", numbers.sum,
                                 ", 0 within rounding, and is divided by its sum; with ",
                                 "NanRule::value or spread, no weights and keep_gain it is not"));
  }
  if (static_cast<double>(words.min_count) > count) {
    throw InvalidProblem(message("min_count is ", words.min_count, ", ", w_name, " has ", count,
                                 " taps, so that every result would be empty; use at most that"));
  }
  if (!taps.divides && (words.min_weight > 0 || words.min_count > 1)) {
    throw InvalidProblem(message(words.min_weight > 0 ? "min_weight" : "min_count",
                                 " is given, but nothing can be missing with nan ", name(words.nan),
                                 " and no weights; leave it out, or use NanRule::missing"));
  }
  taps.counts_apart = taps.divides && words.min_count > 1 && (weighted || !taps.equal);
  if (taps.divides && (taps.equal || taps.counts_apart)) {
    if (count > max_count(sums)) {
      throw InvalidProblem(message(w_name, " has ", count, " taps, more than ", name(sums),
                                   " counts; name f64 as accumulator"));
    }
    taps.ones = Tensor(sums, w.shape);
    const double one = 1;
    const ConstTensorView all{&one, f64, w.shape, Strides::filled(w.shape.size(), 0), {}};
    copy_elements(all, taps.ones);
  }
  taps.rule.sum = numbers.sum;
  taps.rule.gain = words.keep_gain ? numbers.sum : 1;
  taps.rule.tap = taps.equal ? numbers.sum / count : 1;
  taps.rule.min_count = words.min_count > 1 ? words.min_count : 0;
  taps.rule.fill = words.fill.value_or(0);
  taps.magnitude = numbers.magnitude;
  // Taps of both signs may leave less than their rounding where the exact divisor is 0.
  if (numbers.magnitude > std::abs(numbers.sum) + rounding) taps.rule.vanishing = rounding;
  // A divisor errs by count u of the magnitudes of its taps, and `sum` likewise.
  const double slack = 2 * (count + 2) * unit * numbers.magnitude / std::abs(numbers.sum);
  taps.rule.min_share = words.min_weight > 0 ? words.min_weight - slack : -HUGE_VAL;
  return taps;
}

}  // namespace masked
}  // namespace faltung

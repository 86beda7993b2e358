#pragma once

#include <cstdint>

#include <faltung/masked.hpp>
#include <faltung/tensor.hpp>

/// What a masked convolution does to each element before and after its sums are formed: on the CPU
/// by cpp/frontend/masked_numbers.cpp, on other devices by their DeviceBackend.
namespace faltung::masked {

/// What becomes of data before they are convolved.
struct LoadRule {
  NanRule nan = NanRule::missing;
  double nan_value = 0;
  bool weighted = false;  ///< the weights are given, and stand where they belong
};

/// When a result is empty, and what it is then.
struct QuotientRule {
  double tap = 1;        ///< a divisor is this times the sum of weights
  double sum = 1;        ///< of all taps: the divisor where all counts
  double gain = 1;       ///< times the quotient
  double min_share = 0;  ///< of a divisor in `sum`, rounding taken off
  double vanishing = 0;  ///< divisors up to this may be the error of 0, per weight of 1
  std::int64_t min_count = 0;
  double fill = 0;
};

/// What results owe to the element of x in their place.
struct OriginalRule {
  bool fills = false;      ///< empty results are the element
  bool preserves = false;  ///< NaN stays NaN
};

/// The numbers of a quotient in the type of the sums.
template <typename T>
struct Quotient {
  T sum, tap, vanishing, sign, least, fewest, gain, fill;
};
template <typename T>
[[nodiscard]] Quotient<T> quotient_of(const QuotientRule& rule) {
  const auto magnitude = rule.sum < 0 ? -rule.sum : rule.sum;
  return {static_cast<T>(rule.sum), static_cast<T>(rule.tap), static_cast<T>(rule.vanishing),
          static_cast<T>(rule.sum < 0 ? -1 : 1), static_cast<T>(rule.min_share * magnitude),
          // A whole number, FFT's error apart.
          static_cast<T>(static_cast<double>(rule.min_count) - 0.5), static_cast<T>(rule.gain),
          static_cast<T>(rule.fill)};
}

/// Elements times their weights; what has weight 0 becomes 0. All on one device.
struct LoadPass {
  ConstTensorView x;        ///< real floating, of any strides
  ConstTensorView given;    ///< weights in the type of the values, of any strides; null: 1
  TensorView values;        ///< compact, f32 or f64
  TensorView weights = {};  ///< likewise; null where nothing can be missing
  LoadRule rule = {};
};

/// Results of sums.
struct QuotientPass {
  ConstTensorView sums;                        ///< compact, f32 or f64
  ConstTensorView divisors = {}, counts = {};  ///< likewise; null as in `divide`
  ConstTensorView x = {};                      ///< the elements in the places of results, or null
  TensorView y;                                ///< real floating, of any strides; may be the sums
  QuotientRule rule = {};
  OriginalRule originals = {};
};

}  // namespace faltung::masked

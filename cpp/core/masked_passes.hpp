#pragma once

#include <cstdint>

#include <faltung/device.hpp>
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

/// The gradients with respect to both sums of each quotient, in place, as `divide_backward` of
/// cpp/frontend/masked_numbers.hpp.
struct BackwardPass {
  TensorView gradient, sums;                   ///< compact, f32 or f64
  ConstTensorView divisors = {}, counts = {};  ///< likewise, or null
  ConstTensorView x = {};                      ///< as in QuotientPass
  TensorView through = {};                     ///< compact, or null
  QuotientRule rule = {};
  OriginalRule originals = {};
  double* totals = nullptr;  ///< room for total_count numbers, on the device
};

/// Parts of two sums over all quotients: of the gradient of the gain, and of what the gradients of
/// the divisors are less their sign; as many pairs as there are, the rest 0.
inline constexpr std::int64_t total_pairs = 256, total_count = 2 * total_pairs;

/// The gradient with respect to x, from that of its values.
struct DataGradientPass {
  ConstTensorView values;         ///< compact, f32 or f64
  ConstTensorView weights = {};   ///< likewise; null: 1
  ConstTensorView replaced = {};  ///< x, whose NaN have none; or null
  ConstTensorView through = {};   ///< compact: is added; or null
  TensorView dx;                  ///< real floating, of any strides
};

/// The gradient with respect to the taps: that of the sums, less that of the divisors, plus what
/// all taps have in common.
struct FilterGradientPass {
  ConstTensorView sums;            ///< compact, f32 or f64
  ConstTensorView divisors = {};   ///< likewise; null where each is the sum of the taps
  TensorView dw;                   ///< of any strides, in the same type
  const double* totals = nullptr;  ///< of a BackwardPass
  bool gains = false;              ///< the gain is the sum of the taps
};

/// These passes on devices of one kind other than the CPU, in the order of a stream.
class Passes {
 public:
  virtual ~Passes() = default;
  /// Makes ready what the others run for sums of a type, so that they may be captured.
  virtual void prepare(const Device& device, DType sums) const = 0;
  virtual void load(const LoadPass& pass, const Stream& stream) const = 0;
  virtual void divide(const QuotientPass& pass, const Stream& stream) const = 0;
  /// 1 for every weight above 0, in place; compact, f32 or f64.
  virtual void count(const TensorView& weights, const Stream& stream) const = 0;
  virtual void divide_backward(const BackwardPass& pass, const Stream& stream) const = 0;
  virtual void data_gradient(const DataGradientPass& pass, const Stream& stream) const = 0;
  virtual void filter_gradient(const FilterGradientPass& pass, const Stream& stream) const = 0;
};

}  // namespace faltung::masked

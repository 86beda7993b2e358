#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/filter_plan.hpp>
#include <faltung/gradient_plan.hpp>
#include <faltung/method.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/result_view.hpp>
#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>

/// Convolution of data of which some are missing or count for less: each result is divided by the
/// convolution of the weights.
///
///     y[i] = gain  sum over r of  w[r] m[j] x[j]  /  sum over r of  w[r] m[j]
///
/// with j the element that tap r meets, as in image::convolve or signal::convolve, m its weight,
/// and gain 1, or the sum of all taps with `keep_gain`. An element of weight 0 is missing: it has
/// no part in any result, be it NaN or infinite. Others may be infinite, as everywhere.
///
/// Outside x the weights continue by the rule of the data. Boundary::zero() means that nothing
/// stands there: weight 0. Boundary::constant(v) stands there with full weight, constant(0) too.
///
/// A result is empty where its weights (the divisor) sum to 0, to less than `min_weight` of the sum
/// of all taps, or come from fewer than `min_count` elements. It is `fill` then.
///
/// x is f16, bf16, f32 or f64, on any device, the filter and `weights` on the CPU; sums, divisor
/// and quotient are formed in f32, or in f64 for f64 data, results and accumulators. Where nothing
/// is missing there is one convolution, else there are two; on a GPU, where a run looks at no data,
/// two wherever something may be missing. Under Method::automatic they sum directly, so that
/// results with little weight keep their digits; FFT is for Method::fft alone, errs by the norm of
/// the data divided by the weight, and takes divisors within its own error for 0.
///
/// Every function throws InvalidProblem for operands and options that break a rule named here, and
/// for a result view of another shape; NoEngine for filters and weights on a GPU; DeviceError if
/// memory runs out.
namespace faltung {

/// What a NaN among the data is.
enum class NanRule : std::uint8_t {
  missing,  ///< of weight 0. astropy: nan_treatment='interpolate'
  value,    ///< `nan_value` in its place, which counts. astropy: nan_treatment='fill'
  spread    ///< NaN in every sum that it is part of, as in `convolve`
};

/// "missing", "value", "spread".
[[nodiscard]] FALTUNG_API std::string_view name(NanRule rule) noexcept;
/// @throws InvalidProblem for anything but the three names.
[[nodiscard]] FALTUNG_API NanRule parse_nan_rule(std::string_view text);

namespace image {

/// For `masked_convolve`, `masked_correlate` and their gradients.
struct MaskedOptions {
  PerAxis<Boundary> boundary = Boundary::reflect();
  PerAxis<std::int64_t> origin = 0;     ///< as in FilterOptions
  std::vector<std::int64_t> axes = {};  ///< as in FilterOptions
  /// Of the elements of x: real, finite, at least 0; on the CPU, with the extents of x, or 1 along
  /// an axis where all have the same. Empty: 1. A plan keeps a copy.
  ConstTensorView weights = {};
  NanRule nan = NanRule::missing;  ///< what a NaN of x is
  double nan_value = 0;            ///< for NanRule::value
  bool keep_gain = false;  ///< the result has the scale of `convolve`, as if w was not normalised
  /// The smallest divisor, as a share of the sum of all taps, 0 to 1, within its rounding; 0: any
  /// that is not 0.
  double min_weight = 0;
  /// The fewest elements of weight above 0 that a result is made of, those outside x that count
  /// included; pandas' and xarray's min_periods. 0 and 1 ask for no more than some weight. Greater
  /// ones take a third convolution, with a box of ones, unless all taps are equal and no `weights`
  /// are given.
  std::int64_t min_count = 0;
  /// What empty results are; none: the element of x, as in astropy.
  std::optional<double> fill = std::numeric_limits<double>::quiet_NaN();
  bool preserve_nan = false;                        ///< a NaN of x stays one in the result
  std::optional<DType> output = std::nullopt;       ///< floating; default: the type of x
  std::optional<DType> accumulator = std::nullopt;  ///< f32 or f64
  Method method = Method::automatic;
  Execution run = {};
};

/// The quotient of two `convolve`. w is real, on the CPU; its taps are finite and, where something
/// may be missing, do not sum to 0.
[[nodiscard]] FALTUNG_API Tensor masked_convolve(const ConstTensorView& x, const ConstTensorView& w,
                                                 const MaskedOptions& options = {});
/// The same, into y.
FALTUNG_API void masked_convolve(const ConstTensorView& x, const ConstTensorView& w,
                                 const ResultView& y, const MaskedOptions& options = {});
/// Planned once, with copies of w and of the weights.
[[nodiscard]] FALTUNG_API FilterPlan plan_masked_convolve(const ConstTensorView& x,
                                                          const ConstTensorView& w,
                                                          const MaskedOptions& options = {});

/// The same of two `correlate`.
[[nodiscard]] FALTUNG_API Tensor masked_correlate(const ConstTensorView& x,
                                                  const ConstTensorView& w,
                                                  const MaskedOptions& options = {});
/// The same, into y.
FALTUNG_API void masked_correlate(const ConstTensorView& x, const ConstTensorView& w,
                                  const ResultView& y, const MaskedOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_masked_correlate(const ConstTensorView& x,
                                                           const ConstTensorView& w,
                                                           const MaskedOptions& options = {});

/// The gradient with respect to x of a number whose gradient with respect to the result of
/// masked_convolve is dy, of its shape. Missing elements have none; empty results give none, but to
/// the element that fills them; nor do NaN that are preserved. Type: that of x. On a GPU, where a
/// boundary shows elements of x again, Method::automatic takes FFT.
[[nodiscard]] FALTUNG_API Tensor masked_convolve_data_gradient(const ConstTensorView& dy,
                                                               const ConstTensorView& x,
                                                               const ConstTensorView& w,
                                                               const MaskedOptions& options = {});
/// The same, into dx.
FALTUNG_API void masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                               const ConstTensorView& w, const ResultView& dx,
                                               const MaskedOptions& options = {});
/// Planned once, with copies of w and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                   const ConstTensorView& w, const MaskedOptions& options = {});
/// The gradient with respect to w, of its shape, in the type of the sums.
[[nodiscard]] FALTUNG_API Tensor masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                                 const ConstTensorView& x,
                                                                 const ConstTensorView& w,
                                                                 const MaskedOptions& options = {});
/// The same, into dw.
FALTUNG_API void masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                 const ConstTensorView& x, const ConstTensorView& w,
                                                 const ResultView& dw,
                                                 const MaskedOptions& options = {});
/// Planned once, with copies of w and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& w, const MaskedOptions& options = {});

/// The same of masked_correlate.
[[nodiscard]] FALTUNG_API Tensor masked_correlate_data_gradient(const ConstTensorView& dy,
                                                                const ConstTensorView& x,
                                                                const ConstTensorView& w,
                                                                const MaskedOptions& options = {});
/// The same, into dx.
FALTUNG_API void masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                                const ConstTensorView& w, const ResultView& dx,
                                                const MaskedOptions& options = {});
/// Planned once, with copies of w and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                    const ConstTensorView& w, const MaskedOptions& options = {});
/// The same with respect to w.
[[nodiscard]] FALTUNG_API Tensor
masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                 const ConstTensorView& w, const MaskedOptions& options = {});
/// The same, into dw.
FALTUNG_API void masked_correlate_filter_gradient(const ConstTensorView& dy,
                                                  const ConstTensorView& x,
                                                  const ConstTensorView& w, const ResultView& dw,
                                                  const MaskedOptions& options = {});
/// Planned once, with copies of w and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& w, const MaskedOptions& options = {});

}  // namespace image

namespace signal {

/// For `masked_convolve`, `masked_correlate` and their gradients. Signals end: nothing stands
/// outside x.
struct MaskedOptions {
  Mode mode = Mode::full;
  ConstTensorView weights = {};                            ///< as in image::MaskedOptions
  NanRule nan = NanRule::missing;                          ///< what a NaN of x is
  double nan_value = 0;                                    ///< for NanRule::value
  bool keep_gain = false;                                  ///< as in image::MaskedOptions
  double min_weight = 0;                                   ///< as in image::MaskedOptions
  std::int64_t min_count = 0;                              ///< as in image::MaskedOptions
  double fill = std::numeric_limits<double>::quiet_NaN();  ///< what empty results are
  std::optional<DType> output = std::nullopt;              ///< floating; default: the type of x
  std::optional<DType> accumulator = std::nullopt;         ///< f32 or f64
  Method method = Method::automatic;
  Execution run = {};
};

/// The quotient of two `convolve`; x and k as there, real, and k as w of image::masked_convolve.
[[nodiscard]] FALTUNG_API Tensor masked_convolve(const ConstTensorView& x, const ConstTensorView& k,
                                                 const MaskedOptions& options = {});
/// The same, into y.
FALTUNG_API void masked_convolve(const ConstTensorView& x, const ConstTensorView& k,
                                 const ResultView& y, const MaskedOptions& options = {});
/// Planned once, with copies of k and of the weights.
[[nodiscard]] FALTUNG_API FilterPlan plan_masked_convolve(const ConstTensorView& x,
                                                          const ConstTensorView& k,
                                                          const MaskedOptions& options = {});

/// The same of two `correlate`.
[[nodiscard]] FALTUNG_API Tensor masked_correlate(const ConstTensorView& x,
                                                  const ConstTensorView& k,
                                                  const MaskedOptions& options = {});
/// The same, into y.
FALTUNG_API void masked_correlate(const ConstTensorView& x, const ConstTensorView& k,
                                  const ResultView& y, const MaskedOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_masked_correlate(const ConstTensorView& x,
                                                           const ConstTensorView& k,
                                                           const MaskedOptions& options = {});

/// The gradient with respect to x, as in `image`; dy has the shape of the result of the mode.
[[nodiscard]] FALTUNG_API Tensor masked_convolve_data_gradient(const ConstTensorView& dy,
                                                               const ConstTensorView& x,
                                                               const ConstTensorView& k,
                                                               const MaskedOptions& options = {});
/// The same, into dx.
FALTUNG_API void masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                               const ConstTensorView& k, const ResultView& dx,
                                               const MaskedOptions& options = {});
/// Planned once, with copies of k and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                   const ConstTensorView& k, const MaskedOptions& options = {});
/// The gradient with respect to k, of its shape, in the type of the sums.
[[nodiscard]] FALTUNG_API Tensor masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                                 const ConstTensorView& x,
                                                                 const ConstTensorView& k,
                                                                 const MaskedOptions& options = {});
/// The same, into dk.
FALTUNG_API void masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                 const ConstTensorView& x, const ConstTensorView& k,
                                                 const ResultView& dk,
                                                 const MaskedOptions& options = {});
/// Planned once, with copies of k and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& k, const MaskedOptions& options = {});

/// The same of masked_correlate.
[[nodiscard]] FALTUNG_API Tensor masked_correlate_data_gradient(const ConstTensorView& dy,
                                                                const ConstTensorView& x,
                                                                const ConstTensorView& k,
                                                                const MaskedOptions& options = {});
/// The same, into dx.
FALTUNG_API void masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                                const ConstTensorView& k, const ResultView& dx,
                                                const MaskedOptions& options = {});
/// Planned once, with copies of k and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                    const ConstTensorView& k, const MaskedOptions& options = {});
/// The same with respect to k.
[[nodiscard]] FALTUNG_API Tensor
masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                 const ConstTensorView& k, const MaskedOptions& options = {});
/// The same, into dk.
FALTUNG_API void masked_correlate_filter_gradient(const ConstTensorView& dy,
                                                  const ConstTensorView& x,
                                                  const ConstTensorView& k, const ResultView& dk,
                                                  const MaskedOptions& options = {});
/// Planned once, with copies of k and of the weights, for dy and x of these forms.
[[nodiscard]] FALTUNG_API GradientPlan
plan_masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& k, const MaskedOptions& options = {});

}  // namespace signal
}  // namespace faltung

#pragma once

#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <faltung/device.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/filter_plan.hpp>
#include <faltung/method.hpp>
#include <faltung/result_view.hpp>
#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>

namespace faltung {
namespace signal {

/// What resample_poly takes to stand beyond the ends of x: one of the nine rules of Extension, by
/// the same names, or a value that is subtracted before and added after filtering.
enum class PadType : std::uint8_t {
  constant,  ///< cval
  symmetric,
  reflect,
  edge,
  wrap,
  smooth,
  antisymmetric,
  antireflect,
  line,
  mean,    ///< of the line of x along the axis
  median,  ///< the same; of an even number of elements the mean of the middle two
  maximum,
  minimum
};

/// "constant", ..., "minimum".
[[nodiscard]] FALTUNG_API std::string_view name(PadType type) noexcept;
/// @throws InvalidProblem for anything but the thirteen names.
[[nodiscard]] FALTUNG_API PadType parse_pad_type(std::string_view text);

/// For `resample_poly`.
struct ResamplePolyOptions {
  std::int64_t axis =
      0;  ///< of x; negative counts from the end. As in SciPy the first, not the last
  /// The low-pass filter to use, rank 1, for the rate of the up-sampled signal; its middle, tap
  /// (M-1)/2, stays in place. It is multiplied by up / gcd(up, down). Without it one is designed.
  std::optional<ConstTensorView> taps = std::nullopt;
  double beta = 5.0;  ///< of the Kaiser window of the designed filter, 0 to 700; not beside `taps`
  /// What stands beyond the ends of x.
  PadType padtype = PadType::constant;
  std::complex<double> cval = 0;  ///< for PadType::constant; must be 0 for the others
  Method method = Method::automatic;
  Execution run = {};
};

/// Changes the sample rate by up / down along one axis, as scipy.signal.resample_poly: up-samples,
/// filters without a shift in time, and keeps ceil(n up / down) samples, of which the first stands
/// where that of x does. Only those are computed.
///
/// Both factors are divided by their greatest common divisor first. If both are then 1 the result
/// is a copy of x in its own type. Otherwise it has the type of upfirdn for the filter's type and
/// that of x. The designed filter has 20 max(up, down) + 1 taps, the cutoff 1 / max(up, down) of
/// the Nyquist frequency, and the type of x, or f64 for integers: so integers give f64.
///
/// Means, medians and extrema are subtracted in the type of the result, which means and medians of
/// integers make f64. Extrema and medians of
/// complex data order by the real part, then the imaginary part; a NaN makes them NaN. They and
/// the paddings that upfirdn makes a copy for take x on the CPU, and throw NoEngine elsewhere.
/// `taps` lie anywhere; for those on a GPU the call waits.
///
/// @param up, down  at least 1
/// @throws InvalidProblem for operands and options that break a rule named here, and as upfirdn.
[[nodiscard]] FALTUNG_API Tensor resample_poly(const ConstTensorView& x, std::int64_t up,
                                               std::int64_t down,
                                               const ResamplePolyOptions& options = {});
/// The same, into y of the shape and type of that result.
FALTUNG_API void resample_poly(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                               const ResultView& y, const ResamplePolyOptions& options = {});
/// The same, lowered, with the filter in it. Means, medians and extrema are subtracted before and
/// added after, the ratio 1 copies, and some paddings need a copy of x: those are no convolution,
/// and plan_resample_poly has them.
///
/// @throws InvalidProblem also for these, and for empty x.
[[nodiscard]] FALTUNG_API Lowering lower_resample_poly(const ConstTensorView& x, std::int64_t up,
                                                       std::int64_t down,
                                                       const ResamplePolyOptions& options = {});
/// Planned once, with the filter in it, for every padtype and ratio.
[[nodiscard]] FALTUNG_API FilterPlan plan_resample_poly(const ConstTensorView& x, std::int64_t up,
                                                        std::int64_t down,
                                                        const ResamplePolyOptions& options = {});

}  // namespace signal

namespace filters {

/// A low-pass filter without a shift: the ideal one, cut off by a Kaiser window; its taps sum to 1.
/// An f64 tensor on the CPU: scipy.signal.firwin(taps, cutoff, window=('kaiser', beta)).
///
/// @param taps    at least 1
/// @param cutoff  of half the sample rate, 0 < cutoff < 1: there the response is one half
/// @param beta    0 to 700: 0 does not taper, larger ones trade a wider transition for less ripple
/// @throws InvalidProblem for a value outside its range.
/// Source: J. F. Kaiser, Nonrecursive digital filter design using the I0-sinh window function,
/// 1974.
[[nodiscard]] FALTUNG_API Tensor low_pass(std::int64_t taps, double cutoff, double beta = 5.0);

}  // namespace filters
}  // namespace faltung

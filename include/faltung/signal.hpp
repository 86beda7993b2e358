#pragma once

#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/filter_plan.hpp>
#include <faltung/lowering.hpp>
#include <faltung/method.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// SciPy's `signal` functions: the same names, shapes, centring and result types.
///
/// Operands are views of any strides on one device. Each function that is one convolution comes
/// three times: it returns a new compact Tensor there, it writes into a view of the caller, of any
/// strides, whose type then is that of the result, or, as `lower_...`, it returns what is planned
/// once and run often (lowering.hpp). What is not one convolution, always or in some of its modes,
/// has a `plan_...` for that (filter_plan.hpp). To lower or to plan, data pointers are not read,
/// and may be null, but for filters that a plan copies. All give the same bits, as `run` in the
/// options says.
///
/// Result types: docs/promotion.md; `output` names another, such as i32 for u8 data. Where SciPy is
/// wrong we are not, see docs/compatibility.md.
///
/// Method::automatic may choose FFT in every function here, also in those whose originals always
/// sum directly (convolve2d, correlate2d, upfirdn): docs/compatibility.md has what that means.
///
/// Every function throws InvalidProblem for operands and options that break a rule named here, for
/// a result view of another shape, and what `Plan::make` and `Plan::run` throw. Empty operands have
/// no problem: `lower_...` refuses them.
namespace faltung::signal {

/// Which part of the full result to keep. Per axis, with extents N of the first operand and M of
/// the second:
///
///     full   N + M - 1             every output that touches both
///     same   N                     full from index (M-1)/2, also when M > N
///     valid  max(N,M) - min(N,M) + 1   where the shorter lies inside the longer; one operand must
///                                  be at least as long as the other along every axis
enum class Mode : std::uint8_t { full, same, valid };

/// "full", "same", "valid".
[[nodiscard]] FALTUNG_API std::string_view name(Mode mode) noexcept;
/// @throws InvalidProblem for anything but the three names.
[[nodiscard]] FALTUNG_API Mode parse_mode(std::string_view text);

using faltung::Lowering;
using faltung::Method;
using faltung::name;
using faltung::parse_method;

/// For `convolve` and `correlate`.
struct ConvolveOptions {
  Mode mode = Mode::full;
  /// Type of the result; default: that of the original, docs/promotion.md.
  std::optional<DType> output = std::nullopt;
  /// Type in which sums are formed; default: default_accumulator of the three types.
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;  ///< of floating sums to integer results
  Overflow overflow = Overflow::wrap;      ///< of integer results
  Method method = Method::automatic;
  Execution run = {};
};

/// For `fftconvolve` and `oaconvolve`.
struct FftConvolveOptions {
  Mode mode = Mode::full;
  /// The axes to convolve along, negative ones counted from the end; empty = all. The other axes
  /// broadcast: their extents are equal, or one of them is 1.
  std::vector<std::int64_t> axes = {};
  std::optional<DType> output = std::nullopt;  ///< as in ConvolveOptions
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  Execution run = {};  ///< without an engine any for FFT; others serve for comparison
};

/// For `convolve2d` and `correlate2d`.
struct Convolve2dOptions {
  Mode mode = Mode::full;
  /// How `x` continues; `k` is never continued. SciPy's fill is `constant`, its symm is `reflect`.
  Boundary boundary = {};
  std::optional<DType> output = std::nullopt;  ///< as in ConvolveOptions
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  Method method = Method::automatic;
  Execution run = {};
};

/// N-d convolution of two operands of equal rank 0 to 8, of which at most six axes are longer than
/// 1. Type: numpy_result_type; integers wrap, f16 and bf16 sum in f32.
[[nodiscard]] FALTUNG_API Tensor convolve(const ConstTensorView& x, const ConstTensorView& k,
                                          const ConvolveOptions& options = {});
/// The same, into y.
FALTUNG_API void convolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                          const ConvolveOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_convolve(const ConstTensorView& x,
                                                  const ConstTensorView& k,
                                                  const ConvolveOptions& options = {});

/// N-d correlation:  y[i] = sum over n of  x[n + lag(i)] conj(k[n]),  lags as correlation_lags.
[[nodiscard]] FALTUNG_API Tensor correlate(const ConstTensorView& x, const ConstTensorView& k,
                                           const ConvolveOptions& options = {});
/// The same, into y.
FALTUNG_API void correlate(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                           const ConvolveOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_correlate(const ConstTensorView& x,
                                                   const ConstTensorView& k,
                                                   const ConvolveOptions& options = {});

/// Convolution along `axes` by FFT, one filter or one per batch element. Type: fft_result_type.
/// Axes that are not convolved have the broadcast extent in every mode. Empty operands give an
/// empty result.
[[nodiscard]] FALTUNG_API Tensor fftconvolve(const ConstTensorView& x, const ConstTensorView& k,
                                             const FftConvolveOptions& options = {});
/// The same, into y.
FALTUNG_API void fftconvolve(const ConstTensorView& x, const ConstTensorView& k,
                             const ResultView& y, const FftConvolveOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_fftconvolve(const ConstTensorView& x,
                                                     const ConstTensorView& k,
                                                     const FftConvolveOptions& options = {});

/// The same values as fftconvolve, for operands of very different lengths. The FFT engines choose
/// their block lengths themselves in both.
[[nodiscard]] FALTUNG_API Tensor oaconvolve(const ConstTensorView& x, const ConstTensorView& k,
                                            const FftConvolveOptions& options = {});
/// The same, into y.
FALTUNG_API void oaconvolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                            const FftConvolveOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_oaconvolve(const ConstTensorView& x,
                                                    const ConstTensorView& k,
                                                    const FftConvolveOptions& options = {});

/// 2-D convolution with a boundary rule. Empty operands give zeros of the shape of the mode.
[[nodiscard]] FALTUNG_API Tensor convolve2d(const ConstTensorView& x, const ConstTensorView& k,
                                            const Convolve2dOptions& options = {});
/// The same, into y.
FALTUNG_API void convolve2d(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                            const Convolve2dOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_convolve2d(const ConstTensorView& x,
                                                    const ConstTensorView& k,
                                                    const Convolve2dOptions& options = {});

/// 2-D correlation with a boundary rule. Mode `same` starts at index M/2 of the full result where
/// `correlate` starts at (M-1)/2: for even M they are one sample apart, as in SciPy.
[[nodiscard]] FALTUNG_API Tensor correlate2d(const ConstTensorView& x, const ConstTensorView& k,
                                             const Convolve2dOptions& options = {});
/// The same, into y.
FALTUNG_API void correlate2d(const ConstTensorView& x, const ConstTensorView& k,
                             const ResultView& y, const Convolve2dOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_correlate2d(const ConstTensorView& x,
                                                     const ConstTensorView& k,
                                                     const Convolve2dOptions& options = {});

/// The lag of every element that `correlate` returns for extents n and m, both at least 1. In
/// mode `same` SciPy's lags are one off for odd n and even m; these match the data.
[[nodiscard]] FALTUNG_API std::vector<std::int64_t> correlation_lags(std::int64_t n, std::int64_t m,
                                                                     Mode mode = Mode::full);

/// What `convolve` does with Method::automatic: `direct` or `fft`. Reads no data.
[[nodiscard]] FALTUNG_API Method choose_method(const ConstTensorView& x, const ConstTensorView& k,
                                               Mode mode = Mode::full);

/// How upfirdn continues x before up-sampling; pictures show four elements a b c d.
enum class Extension : std::uint8_t {
  constant,       ///< v v | a b c d | v v
  symmetric,      ///< b a | a b c d | d c        Boundary::reflect
  reflect,        ///< c b | a b c d | c b        Boundary::mirror
  edge,           ///< a a | a b c d | d d        Boundary::nearest
  wrap,           ///< c d | a b c d | a b        Boundary::wrap
  smooth,         ///< the line through the two samples at each end
  antisymmetric,  ///< -b -a | a b c d | -d -c
  antireflect,    ///< 2a-c 2a-b | a b c d | 2d-c 2d-b
  line            ///< the line through a and d
};

/// "constant", "symmetric", ...
[[nodiscard]] FALTUNG_API std::string_view name(Extension extension) noexcept;
/// @throws InvalidProblem for anything but the nine names.
[[nodiscard]] FALTUNG_API Extension parse_extension(std::string_view text);

/// For `upfirdn`.
struct UpfirdnOptions {
  std::int64_t up = 1;     ///< up-1 zeros go between neighbours of x, >= 1
  std::int64_t down = 1;   ///< every down-th output is kept, >= 1
  std::int64_t axis = -1;  ///< of x; negative counts from the end
  /// How x continues.
  Extension mode = Extension::constant;
  std::complex<double> cval = 0;  ///< for Extension::constant; must be 0 for the others
  std::optional<DType> output = std::nullopt;  ///< as in ConvolveOptions
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  Method method = Method::automatic;
  Execution run = {};
};

/// Up-sample, filter, down-sample along one axis: the rank of x, with extent
/// ceil(((N-1) up + M) / down) there. `h` has rank 1. Type: upfirdn_result_type.
///
/// smooth, antisymmetric, antireflect and line filter an extended copy of x, made on the CPU; with
/// up > 1 so do all modes but constant with cval 0 and reflect of at least two samples. With an
/// integer `output`, integers stay what they are where the mode repeats them, so that sums are
/// exact; the four named first compute in f64 then, and refuse two integer operands of which one
/// has 64 bits.
[[nodiscard]] FALTUNG_API Tensor upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                         const UpfirdnOptions& options = {});
/// The same, into y.
FALTUNG_API void upfirdn(const ConstTensorView& h, const ConstTensorView& x, const ResultView& y,
                         const UpfirdnOptions& options = {});
/// To be run with (x, h), in this order. @throws InvalidProblem also for the modes that need an
/// extended copy of x, which plan_upfirdn has.
[[nodiscard]] FALTUNG_API Lowering lower_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                                 const UpfirdnOptions& options = {});
/// Planned once, in any mode, with a copy of h, which lies on the CPU or where x does.
[[nodiscard]] FALTUNG_API FilterPlan plan_upfirdn(const ConstTensorView& h,
                                                  const ConstTensorView& x,
                                                  const UpfirdnOptions& options = {});

/// For `sepfir2d`.
struct Sepfir2dOptions {
  Method method = Method::automatic;
  Execution run = {};
};

/// Filters a rank-2 image along both axes, which continue by Boundary::reflect (what SciPy calls
/// mirror-symmetric here repeats the element at the end):
///
///     y[i, j] = sum over a, b of  hcol[a] hrow[b] x[i + (A-1)/2 - a, j + (B-1)/2 - b]
///
/// `hrow` and `hcol` are real unless x is complex, have rank 1 and odd lengths B and A: a row of
/// taps along each row, and one along each column. Any lengths, also beyond those of x. Type:
/// numpy_result_type(x, f32).
///
/// Two convolutions, so there is nothing to lower to, but a FilterPlan.
[[nodiscard]] FALTUNG_API Tensor sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow,
                                          const ConstTensorView& hcol,
                                          const Sepfir2dOptions& options = {});
/// The same, into y.
FALTUNG_API void sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow,
                          const ConstTensorView& hcol, const ResultView& y,
                          const Sepfir2dOptions& options = {});
/// Planned once, with copies of hrow and hcol, which lie on the CPU.
[[nodiscard]] FALTUNG_API FilterPlan plan_sepfir2d(const ConstTensorView& x,
                                                   const ConstTensorView& hrow,
                                                   const ConstTensorView& hcol,
                                                   const Sepfir2dOptions& options = {});

/// The Toeplitz matrix A with A v = numpy::convolve(a, v, mode) for every v of n elements: shape
/// [extent of the mode, n], type and device of `a`, which has rank 1 and is not empty; n >= 1.
[[nodiscard]] FALTUNG_API Tensor convolution_matrix(const ConstTensorView& a, std::int64_t n,
                                                    Mode mode = Mode::full);

}  // namespace faltung::signal

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/filter_plan.hpp>
#include <faltung/lowering.hpp>
#include <faltung/method.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/problem.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// Filters for images and volumes with the meaning of scipy.ndimage: the result has the extent of
/// the input, and a boundary rule says what stands outside it.
///
/// Every function comes three times, and gives the same bits each time: one writes into a view of
/// the caller in stream order, one returns a new Tensor on the device of `x`, and one plans what is
/// run often, for a compact result. Single convolutions are lowered (`lower_...`, lowering.hpp),
/// with a copy of w if that is on the CPU; filters of several passes, whose number the planner
/// settles, become a FilterPlan (`plan_...`, filter_plan.hpp). What plans reads no data but those
/// of w, and x may have none. `x` has any rank up to 8 and any strides.
///
/// Types. The result has the type of `x` unless `output` names another (or the given view has
/// another). Sums are formed in f32 for f32, f16 and bf16 data, in f64 for f64 and integer data, in
/// the complex counterpart for complex data; integers with whole-numbered weights are summed
/// exactly. `accumulator = f64` sums f32 data in f64, as ndimage does. Sums become integers as
/// `store` says; filters that run one pass per axis do so after every pass, as in ndimage.
/// docs/promotion.md has the table and the error bounds, docs/compatibility.md what differs from
/// ndimage.
///
/// Methods. Under Method::automatic the filters that run one pass per axis (gaussian, uniform,
/// sobel and their relatives) keep every result to the elements under its own filter: a NaN reaches
/// no others, and small values keep their digits beside large ones. `convolve`, `correlate` and
/// their 1-D forms take FFT where it is faster, which errs by the norm of the data; Method::direct
/// sums as ndimage does.
///
/// Boundaries. `Boundary::constant(v)` takes the place of mode='constant', cval=v.
/// `PerAxis` options take one value, or one for each axis that is filtered.
///
/// Errors. All functions throw InvalidProblem for an option that breaks its rule, for a result view
/// whose shape is not that of `x`, and for overlapping memory of input and result; NoEngine if
/// the engine in `run` cannot do it; DeviceError if the device fails or memory runs out.
namespace faltung::image {

/// How sums become integers; floating results are rounded to nearest and never clamped.
///
///     Store{}                                            as SciPy: in u8 200.6 is 200, 300 is 44
///     Store{Rounding::nearest_even, Overflow::saturate}  as OpenCV: 200.6 is 201, 300 is 255
///
/// It holds for every store: the result, what passes leave for the next one, and the terms and
/// squares of `laplace`, `gaussian_laplace` and the gradient magnitudes. So a filter of d passes
/// rounds d times; name a floating `output` to round only when that is converted.
///
/// With Overflow::saturate sums of whole weights are exact where the types and the number of taps
/// show that they fit into 64 bits, and formed in f64 otherwise.
struct Store {
  Rounding rounding = Rounding::truncate;  ///< of sums that are no whole numbers
  Overflow overflow = Overflow::wrap;      ///< of sums that the type cannot hold
  friend constexpr bool operator==(const Store&, const Store&) noexcept = default;
};

/// For `convolve` and `correlate`.
struct FilterOptions {
  PerAxis<Boundary> boundary = Boundary::reflect();
  /// Moves the filter's centre, in elements: -(R/2) <= origin <= (R-1)/2 for a filter of R taps.
  /// As in ndimage a positive origin moves the result of `correlate` to higher indices, that of
  /// `convolve` to lower ones.
  PerAxis<std::int64_t> origin = 0;
  /// The axes of x that the filter's axes stand for, in that order; negative ones count from the
  /// last. Empty: all. The filter then has as many axes as listed here.
  std::vector<std::int64_t> axes = {};
  std::optional<DType> output = std::nullopt;       ///< type of the result; default: that of x
  std::optional<DType> accumulator = std::nullopt;  ///< f32 or f64; see the top of this file
  Store store = {};                                 ///< how sums become integers
  Method method = Method::automatic;
  Execution run = {};
  /// Engines, their ways, and what runs as one pass or as several are chosen as for a compact image
  /// of this shape. So a part of an image that is too large for the memory gets the bits that it
  /// has in the whole, unless an engine cannot do for so small a part what it does for the whole.
  /// Empty: the shape of x.
  Shape chosen_for = {};
};

/// y[i] = sum over r of  w[r] x[i + R/2 + origin - r], with R/2 rounded down, on every axis.
///
/// For an even number of taps that is one element away from Mode::same of `faltung::convolve`, as
/// in SciPy. `w` is real or complex, on the CPU or on the device of x.
FALTUNG_API void convolve(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                          const FilterOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor convolve(const ConstTensorView& x, const ConstTensorView& w,
                                          const FilterOptions& options = {});
/// Lowered.
[[nodiscard]] FALTUNG_API Lowering lower_convolve(const ConstTensorView& x,
                                                  const ConstTensorView& w,
                                                  const FilterOptions& options = {});

/// y[i] = sum over r of  conj(w[r]) x[i - R/2 - origin + r]
FALTUNG_API void correlate(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                           const FilterOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor correlate(const ConstTensorView& x, const ConstTensorView& w,
                                           const FilterOptions& options = {});
/// Lowered.
[[nodiscard]] FALTUNG_API Lowering lower_correlate(const ConstTensorView& x,
                                                   const ConstTensorView& w,
                                                   const FilterOptions& options = {});

/// For `convolve1d` and `correlate1d`; `w` has one axis.
struct Filter1dOptions {
  std::int64_t axis = -1;  ///< the axis of x to filter; negative ones count from the last
  Boundary boundary = Boundary::reflect();
  std::int64_t origin = 0;  ///< as in FilterOptions
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};  ///< as in FilterOptions
};

/// `convolve` along one axis; the others are a batch.
FALTUNG_API void convolve1d(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                            const Filter1dOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor convolve1d(const ConstTensorView& x, const ConstTensorView& w,
                                            const Filter1dOptions& options = {});
/// Lowered.
[[nodiscard]] FALTUNG_API Lowering lower_convolve1d(const ConstTensorView& x,
                                                    const ConstTensorView& w,
                                                    const Filter1dOptions& options = {});

/// `correlate` along one axis; the others are a batch.
FALTUNG_API void correlate1d(const ConstTensorView& x, const ConstTensorView& w,
                             const ResultView& y, const Filter1dOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor correlate1d(const ConstTensorView& x, const ConstTensorView& w,
                                             const Filter1dOptions& options = {});
/// Lowered.
[[nodiscard]] FALTUNG_API Lowering lower_correlate1d(const ConstTensorView& x,
                                                     const ConstTensorView& w,
                                                     const Filter1dOptions& options = {});

/// For `gaussian`, `gaussian_laplace` and `gaussian_gradient_magnitude`.
struct GaussianOptions {
  PerAxis<double> sigma = 1.0;      ///< standard deviation in elements, >= 0; 0 skips the axis
  PerAxis<std::int64_t> order = 0;  ///< of the derivative, >= 0; for `gaussian` alone
  PerAxis<Boundary> boundary = Boundary::reflect();
  double truncate = 4.0;                ///< radius = floor(truncate sigma + 1/2), >= 0
  PerAxis<std::int64_t> radius = {};    ///< in elements, >= 0; if given, replaces `truncate`
  std::vector<std::int64_t> axes = {};  ///< as in FilterOptions
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};  ///< as in FilterOptions
};

/// Smooths, or differentiates the smoothed image: a Gaussian (derivative) along each axis in turn,
/// sampled at whole elements; before differentiation its taps sum to 1.
FALTUNG_API void gaussian(const ConstTensorView& x, const ResultView& y,
                          const GaussianOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor gaussian(const ConstTensorView& x,
                                          const GaussianOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_gaussian(const ConstTensorView& x,
                                                   const GaussianOptions& options = {});

/// Sum over the axes of the second Gaussian derivative along that axis.
FALTUNG_API void gaussian_laplace(const ConstTensorView& x, const ResultView& y,
                                  const GaussianOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor gaussian_laplace(const ConstTensorView& x,
                                                  const GaussianOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_gaussian_laplace(const ConstTensorView& x,
                                                           const GaussianOptions& options = {});

/// Square root of the sum over the axes of the squared first Gaussian derivatives. Real data only.
FALTUNG_API void gaussian_gradient_magnitude(const ConstTensorView& x, const ResultView& y,
                                             const GaussianOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor gaussian_gradient_magnitude(const ConstTensorView& x,
                                                             const GaussianOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan
plan_gaussian_gradient_magnitude(const ConstTensorView& x, const GaussianOptions& options = {});

/// For `uniform`.
struct UniformOptions {
  PerAxis<std::int64_t> size = 3;  ///< elements in the window, >= 1
  PerAxis<Boundary> boundary = Boundary::reflect();
  PerAxis<std::int64_t> origin = 0;     ///< as in `correlate`
  std::vector<std::int64_t> axes = {};  ///< as in FilterOptions
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};  ///< as in FilterOptions
};

/// The mean of the window around each element (a box filter, a moving average).
///
/// A NaN reaches only the windows that contain it, unlike the running sum of ndimage. Means of
/// integers are exact quotients before they are stored.
FALTUNG_API void uniform(const ConstTensorView& x, const ResultView& y,
                         const UniformOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor uniform(const ConstTensorView& x,
                                         const UniformOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_uniform(const ConstTensorView& x,
                                                  const UniformOptions& options = {});

/// For `sobel` and `prewitt`.
struct DerivativeOptions {
  std::int64_t axis = -1;  ///< differentiate along this axis; negative ones count from the last
  PerAxis<Boundary> boundary = Boundary::reflect();
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};  ///< as in FilterOptions
};

/// -1 0 1 along `axis`, then 1 2 1 along every other axis; not normalised.
FALTUNG_API void sobel(const ConstTensorView& x, const ResultView& y,
                       const DerivativeOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor sobel(const ConstTensorView& x,
                                       const DerivativeOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_sobel(const ConstTensorView& x,
                                                const DerivativeOptions& options = {});

/// -1 0 1 along `axis`, then 1 1 1 along every other axis; not normalised.
FALTUNG_API void prewitt(const ConstTensorView& x, const ResultView& y,
                         const DerivativeOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor prewitt(const ConstTensorView& x,
                                         const DerivativeOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_prewitt(const ConstTensorView& x,
                                                  const DerivativeOptions& options = {});

/// For `laplace`, `sobel_magnitude` and `prewitt_magnitude`.
struct SumOptions {
  PerAxis<Boundary> boundary = Boundary::reflect();
  std::vector<std::int64_t> axes = {};  ///< as in FilterOptions
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};  ///< as in FilterOptions
};

/// Sum over the axes of 1 -2 1 along that axis.
FALTUNG_API void laplace(const ConstTensorView& x, const ResultView& y,
                         const SumOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor laplace(const ConstTensorView& x, const SumOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_laplace(const ConstTensorView& x,
                                                  const SumOptions& options = {});

/// Square root of the sum over the axes of the squared `sobel` derivatives, as
/// generic_gradient_magnitude in ndimage: every step is stored in the result's type, so ask for a
/// floating `output` on integer images. Real data only. All axes smooth, those in `axes`
/// differentiate.
FALTUNG_API void sobel_magnitude(const ConstTensorView& x, const ResultView& y,
                                 const SumOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor sobel_magnitude(const ConstTensorView& x,
                                                 const SumOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_sobel_magnitude(const ConstTensorView& x,
                                                          const SumOptions& options = {});
/// The same with `prewitt`.
FALTUNG_API void prewitt_magnitude(const ConstTensorView& x, const ResultView& y,
                                   const SumOptions& options = {});
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor prewitt_magnitude(const ConstTensorView& x,
                                                   const SumOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_prewitt_magnitude(const ConstTensorView& x,
                                                            const SumOptions& options = {});

}  // namespace faltung::image

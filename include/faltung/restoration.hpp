#pragma once

#include <cstdint>
#include <optional>

#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/method.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// Images as they were before a known blur.
namespace faltung::image {

/// For `richardson_lucy`.
struct RichardsonLucyOptions {
  std::int64_t iterations = 50;  ///< at least 0
  bool clip = true;              ///< bring the result into -1..1
  /// Where the blurred guess is below this, nothing is corrected; 0: everywhere it is. At least 0.
  double epsilon = 0;
  Method method = Method::automatic;  ///< of the sums
  Execution run = {};                 ///< as everywhere
};

/// The image that, blurred by `psf`, is most likely to have given `x` by counting photons.
///
/// From a guess of 0.5 everywhere, each iteration blurs the guess, divides `x` by that, and
/// multiplies the guess by the adjoint of the blur of the quotients:
///
///     g' = g . (psf^T * (x / (psf * g + 1e-12)))
///
/// with sums over the elements inside the image, whose outside is 0, and with the middle of `psf`,
/// element (M - 1) / 2 along each axis, at the element itself. Positive data in, positive data
/// out; with m elements in `psf`, and u the unit roundoff of the type, each result of k iterations
/// by direct sums is off by at most (2^k - 1) (2 m + 6) u of itself, to first order.
///
/// On a GPU infinity times a correction of 0 is 0.
///
/// @param x    f32 or f64, of rank 1 to 6 and any strides
/// @param psf  of the same type and rank, and at least one element; on the CPU or where x lies
/// @return of the shape, type and device of x
/// @throws InvalidProblem for other operands and options; NoEngine if no engine keeps the limits;
///         DeviceError if memory runs out.
/// Source: Richardson, J. Opt. Soc. Am. 62 (1972) 55; Lucy, Astron. J. 79 (1974) 745.
[[nodiscard]] FALTUNG_API Tensor richardson_lucy(const ConstTensorView& x,
                                                 const ConstTensorView& psf,
                                                 const RichardsonLucyOptions& options = {});
/// The same, into y: of any strides, where x lies, apart from both operands.
FALTUNG_API void richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf,
                                 const ResultView& y, const RichardsonLucyOptions& options = {});

/// For `wiener`.
struct WienerOptions {
  double balance = 0.1;  ///< how much smoothness counts beside the data, at least 0 and finite
  bool clip = true;      ///< bring the result into -1..1
  /// The impulse response that measures roughness, of the type and rank of x and no longer than it;
  /// none: the Laplacian, 2 rank in the middle and -1 at its neighbours.
  std::optional<ConstTensorView> roughness = std::nullopt;
  Execution run = {};  ///< as everywhere
};

/// The linear filter that undoes a blur as far as noise lets it,
///
///     conj(H) / (|H|^2 + balance |R|^2)
///
/// by its frequency response, where H and R are the Fourier transforms of `psf` and of the measure
/// of roughness, with element (M - 1) / 2 along each axis at the origin. Frequencies where both
/// terms are 0 are left out. x continues periodically, so that this is one convolution by a filter
/// of the size of x. On the CPU the spectrum of x is multiplied, in f64 whatever its type, with
/// three transforms of its size. On a GPU, with data that are not finite, and with options that
/// engines keep (an engine, a limit of memory, elementwise or reproducible results) the filter is
/// designed on the CPU in f64, and run as `convolve` with Boundary::wrap is.
///
/// @param x    f32 or f64, of rank 1 to 6 and any strides
/// @param psf  of the same type and rank, with elements, and no longer along any axis; on the CPU
///             or where x lies, as the measure of roughness
/// @return of the shape, type and device of x
/// @throws as richardson_lucy.
/// Source: Wiener, Extrapolation, interpolation and smoothing of stationary time series (1949);
/// with a measure of roughness Hunt, IEEE Trans. Computers 22 (1973) 805.
[[nodiscard]] FALTUNG_API Tensor wiener(const ConstTensorView& x, const ConstTensorView& psf,
                                        const WienerOptions& options = {});
/// The same, into y: of any strides, where x lies, apart from both operands.
FALTUNG_API void wiener(const ConstTensorView& x, const ConstTensorView& psf, const ResultView& y,
                        const WienerOptions& options = {});

}  // namespace faltung::image

#pragma once

#include <cstdint>

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
/// @param x    f32 or f64, of rank 1 to 6 and any strides, on the CPU
/// @param psf  of the same type and rank, and at least one element; on the CPU
/// @return of the shape and type of x
/// @throws InvalidProblem for other operands and options; NoEngine for operands on other devices,
///         and if no engine keeps the limits; DeviceError if memory runs out.
/// Source: Richardson, J. Opt. Soc. Am. 62 (1972) 55; Lucy, Astron. J. 79 (1974) 745.
[[nodiscard]] FALTUNG_API Tensor richardson_lucy(const ConstTensorView& x,
                                                 const ConstTensorView& psf,
                                                 const RichardsonLucyOptions& options = {});
/// The same, into y: of any strides, apart from both operands.
FALTUNG_API void richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf,
                                 const ResultView& y, const RichardsonLucyOptions& options = {});

}  // namespace faltung::image

#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include <faltung/restoration.hpp>
#include <faltung/signal.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/restoration_rules.hpp"
#include "cpp/frontend/signal_lowering.hpp"
#include "cpp/frontend/wiener_spectrum.hpp"

// Wiener's filter multiplies the spectrum of an image that continues periodically. On the CPU that
// is what happens (wiener_spectrum.hpp). Elsewhere, and where a call asks for an engine or for what
// spectra do not keep, it is one convolution, by a filter as large as the image: designed on the
// CPU in f64, and run where the image lies, by whatever engine is fastest.
namespace faltung::image {
namespace {

using Complex = std::complex<double>;

// exp(i pi k / n) for k from 0 to 2 n - 1. Quarters of the circle are exact: by them a blur that
// leaves nothing of a frequency leaves 0.
std::vector<Complex> half_roots(std::int64_t n) {
  constexpr Complex quarters[] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  std::vector<Complex> roots(static_cast<std::size_t>(2 * n));
  for (std::int64_t k = 0; k < 2 * n; ++k) {
    const double angle = std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    roots[static_cast<std::size_t>(k)] =
        2 * k % n == 0 ? quarters[2 * k / n] : Complex{std::cos(angle), std::sin(angle)};
  }
  return roots;
}

// Elements before, on and after an axis.
struct Around {
  Around(const Shape& shape, std::size_t axis) : extent(shape[axis]) {
    for (std::size_t i = 0; i < axis; ++i) before *= shape[i];
    for (std::size_t i = axis + 1; i < shape.size(); ++i) after *= shape[i];
  }
  std::int64_t before = 1, extent, after = 1;
};

int threads_for(std::int64_t pieces, double products) {
  return plan_threads(pieces, 1e-3 * products);  // of about a nanosecond each
}

// The Fourier transform along one axis, to n frequencies, of an impulse response that is short
// there and has its origin at element (M - 1) / 2.
Tensor spectrum_along(const Tensor& response, std::size_t axis, std::int64_t n) {
  const Around from(response.shape(), axis);
  Shape shape = response.shape();
  shape[axis] = n;
  Tensor result(c128, shape);
  const std::vector<Complex> roots = half_roots(n);
  const Complex* x = response.values<Complex>().data();
  Complex* y = result.values<Complex>().data();
  const std::int64_t origin = (from.extent - 1) / 2, pieces = from.before * n;
  parallel_for(pieces, threads_for(pieces, static_cast<double>(pieces * from.extent * from.after)),
               [&](std::int64_t piece, int) {
                 const std::int64_t line = piece / n, k = piece % n;
                 Complex* to = y + piece * from.after;
                 for (std::int64_t i = 0; i < from.after; ++i) to[i] = 0;
                 for (std::int64_t r = 0; r < from.extent; ++r) {
                   // exp(-2 pi i k (r - origin) / n), its angle brought into the first circle.
                   const std::int64_t turns = ((origin - r) % n * k % n + n) % n;
                   const Complex root = roots[static_cast<std::size_t>(2 * turns)];
                   const Complex* tap = x + (line * from.extent + r) * from.after;
                   for (std::int64_t i = 0; i < from.after; ++i) to[i] += root * tap[i];
                 }
               });
  return result;
}

// Along all axes, to as many frequencies as `shape` has elements.
Tensor spectrum_of(const ConstTensorView& response, const Shape& shape, const Stream& stream) {
  Tensor spectrum = cpu_copy(response, c128, stream);
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    spectrum = spectrum_along(spectrum, axis, shape[axis]);
  }
  return spectrum;
}

// x[j] times exp(-i pi j^2 / n) along an axis of n elements.
void chirp(Tensor& x, std::size_t axis, const std::vector<Complex>& roots) {
  const Around around(x.shape(), axis);
  Complex* values = x.values<Complex>().data();
  const std::int64_t pieces = around.before * around.extent;
  parallel_for(pieces, threads_for(pieces, static_cast<double>(x.size())),
               [&](std::int64_t piece, int) {
                 const std::int64_t j = piece % around.extent;
                 const Complex factor =
                     std::conj(roots[static_cast<std::size_t>(j * j % (2 * around.extent))]);
                 Complex* line = values + piece * around.after;
                 for (std::int64_t i = 0; i < around.after; ++i) line[i] *= factor;
               });
}

// The Fourier transform along an axis of any length, as a convolution: j k is half of
// j^2 + k^2 - (k - j)^2. Source: Bluestein, IEEE Trans. Audio Electroacoustics 18 (1970) 451.
Tensor transformed_along(Tensor x, std::size_t axis) {
  const std::int64_t n = x.shape()[axis];
  if (n == 1) return x;
  const std::vector<Complex> roots = half_roots(n);
  Shape shape = Shape::filled(x.shape().size(), 1);
  shape[axis] = 2 * n - 1;
  Tensor by(c128, shape);
  for (std::int64_t j = 0; j < 2 * n - 1; ++j) {
    const std::int64_t d = j - (n - 1);
    by.values<Complex>()[static_cast<std::size_t>(j)] =
        roots[static_cast<std::size_t>(d * d % (2 * n))];
  }
  chirp(x, axis, roots);
  x = signal::fftconvolve(x, by,
                          {.mode = signal::Mode::valid, .axes = {static_cast<std::int64_t>(axis)}});
  chirp(x, axis, roots);
  return x;
}

// 2 rank in the middle, -1 at its neighbours.
Tensor laplacian(std::size_t rank) {
  Tensor response = Tensor::zeros(f64, Shape::filled(rank, 3));
  const auto values = response.values<double>();
  const std::size_t middle = values.size() / 2;
  values[middle] = 2 * static_cast<double>(rank);
  for (std::size_t i = 0, step = 1; i < rank; ++i, step *= 3) {
    values[middle - step] = values[middle + step] = -1;
  }
  return response;
}

void check_fits(const ConstTensorView& response, const Shape& shape, std::string_view name) {
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (response.shape[i] > shape[i]) {
      throw InvalidProblem(message(name, " has shape ", response.shape, " and x ", shape,
                                   "; it must be no longer along any axis: cut it, or pad x"));
    }
  }
}

void check(const ConstTensorView& x, const ConstTensorView& psf, const WienerOptions& options) {
  check_restored(x, psf, options.run, "wiener");
  if (!(options.balance >= 0) || std::isinf(options.balance)) {
    throw InvalidProblem(
        message("balance is ", options.balance, "; it must be at least 0 and finite"));
  }
  if (element_count(x.shape) == 0) return;
  check_fits(psf, x.shape, "psf");
  if (!options.roughness) return;
  const ConstTensorView& by = *options.roughness;
  check_restored(x, by, options.run, "wiener");
  check_fits(by, x.shape, "roughness");
}

// The filter, its origin at element 0: the inverse transform of conj(H) / (|H|^2 + balance |R|^2).
Tensor designed(const ConstTensorView& x, const ConstTensorView& psf,
                const WienerOptions& options) {
  const Stream& stream = options.run.stream;
  Tensor blur = spectrum_of(psf, x.shape, stream);
  const Tensor smooth = laplacian(x.shape.size());
  const Tensor rough =
      spectrum_of(options.roughness ? *options.roughness : smooth.view(), x.shape, stream);
  const auto h = blur.values<Complex>();
  const auto r = rough.values<Complex>();
  // Conjugated: of a real filter the transform of that is the inverse, but for a factor.
  for (std::size_t i = 0; i < h.size(); ++i) {
    const double power = std::norm(h[i]) + options.balance * std::norm(r[i]);
    h[i] = power == 0 ? 0 : h[i] / power;
  }
  for (std::size_t axis = 0; axis < x.shape.size(); ++axis) {
    blur = transformed_along(std::move(blur), axis);
  }
  Tensor filter = cpu_copy(blur, f64);
  const double points = static_cast<double>(filter.size());
  for (double& value : filter.values<double>()) value /= points;
  return filter;
}

Tensor by_convolution(const ConstTensorView& x, const ConstTensorView& psf,
                      const WienerOptions& options) {
  const FloatEnvironment environment;
  const Tensor filter = designed(x, psf, options);
  std::vector<std::int64_t> origins;  // at the filter's first element
  for (const std::int64_t extent : x.shape) origins.push_back(-(extent / 2));
  return convolve(x, filter, {.boundary = Boundary::wrap(), .origin = origins, .run = options.run});
}

}  // namespace

Tensor wiener(const ConstTensorView& x, const ConstTensorView& psf, const WienerOptions& options) {
  check(x, psf, options);
  if (element_count(x.shape) == 0) return new_tensor(x.dtype, x.shape, x.device, options.run);
  std::optional<Tensor> found = wiener_by_spectra(x, psf, options);
  Tensor y = found ? std::move(*found) : by_convolution(x, psf, options);
  if (options.clip) clip(y, options.run);
  return y;
}

void wiener(const ConstTensorView& x, const ConstTensorView& psf, const ResultView& y,
            const WienerOptions& options) {
  check(x, psf, options);
  check_restored_into(x, psf, y);
  copy_there(wiener(x, psf, options), y, options.run);
}

}  // namespace faltung::image

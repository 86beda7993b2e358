#pragma once

#include "cuda/fft/fft_arguments.cuh"
#include "cuda/primitives/arithmetic.cuh"

namespace faltung::cuda::fft {

/// Sums of products of spectra, point by point. A thread takes one point of sums_of_thread
/// neighbouring m.
///
///   grid    x: chunks of points of sums_of_thread spectra, as often as needed
///   block   threads
template <typename Part>
__global__ void __launch_bounds__(threads)
    product_kernel(const __grid_constant__ ProductArguments a) {
  using Number = Complex<Part>;
  const auto from_a = a.a.template as<const Number>();
  const auto from_b = a.b.template as<const Number>();
  const auto to = a.sum.template as<Number>();
  const std::int64_t chunks = (a.points + threads - 1) / threads;
  const std::int64_t rows = (a.extent[2] + sums_of_thread - 1) / sums_of_thread;
  const std::int64_t all = a.extent[0] * a.extent[1] * rows * a.extent[3] * chunks;
  const auto scale = static_cast<Part>(a.scale);
  for (std::int64_t number = blockIdx.x; number < all; number += gridDim.x) {
    const std::int64_t point = number % chunks * threads + threadIdx.x;
    if (point >= a.points) continue;
    std::int64_t rest = number / chunks;
    const std::int64_t n = rest % a.extent[3];
    rest /= a.extent[3];
    const std::int64_t m = rest % rows * sums_of_thread;
    rest /= rows;
    const std::int64_t g = rest % a.extent[1], p = rest / a.extent[1];
    const auto spectrum = [&](const std::int64_t(&step)[5]) {
      return (p * step[0] + g * step[1] + m * step[2] + n * step[3]) * a.points + point;
    };
    const std::int64_t a_first = spectrum(a.a_step), b_first = spectrum(a.b_step);
    Number sum[sums_of_thread] = {};
    for (std::int64_t j = 0; j < a.terms; ++j) {
#pragma unroll
      for (int i = 0; i < sums_of_thread; ++i) {
        if (m + i >= a.extent[2]) continue;
        const Number x = from_a[a_first + (j * a.a_step[4] + i * a.a_step[2]) * a.points];
        Number y = from_b[b_first + (j * a.b_step[4] + i * a.b_step[2]) * a.points];
        if (a.conjugate_b) y.imag = -y.imag;
        sum[i] = multiply_add(x, y, sum[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < sums_of_thread; ++i) {
      if (m + i >= a.extent[2]) continue;
      const std::int64_t at =
          (((p * a.extent[1] + g) * a.extent[2] + m + i) * a.extent[3] + n) * a.points + point;
      Number value{sum[i].real * scale, sum[i].imag * scale};
      if (a.add) {
        const Number before = to[at];
        value.real += before.real;
        value.imag += before.imag;
      }
      to[at] = value;
    }
  }
}

}  // namespace faltung::cuda::fft

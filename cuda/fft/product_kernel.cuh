#pragma once

#include "cuda/fft/fft_arguments.cuh"
#include "cuda/primitives/arithmetic.cuh"

namespace faltung::cuda::fft {

/// Sums of products of spectra, point by point. A thread takes one point of a tile of product_rows
/// x `columns` sums, whose factors it reads once.
///
///   grid    x: chunks of points of tiles, as often as needed
///   block   threads
template <typename Part, int columns>
__global__ void __launch_bounds__(threads, 1)
    product_kernel(const __grid_constant__ ProductArguments a) {
  using Number = Complex<Part>;
  const auto from_a = a.a.template as<const Number>();
  const auto from_b = a.b.template as<const Number>();
  const auto to = a.sum.template as<Number>();
  const std::int64_t chunks = (a.points + threads - 1) / threads;
  const std::int64_t row_tiles = (a.rows + product_rows - 1) / product_rows;
  const std::int64_t column_tiles = (a.columns + columns - 1) / columns;
  const auto scale = static_cast<Part>(a.scale);
  for (std::int64_t number = blockIdx.x; number < a.groups * row_tiles * column_tiles * chunks;
       number += gridDim.x) {
    const std::int64_t point = number % chunks * threads + threadIdx.x;
    if (point >= a.points) continue;
    std::int64_t rest = number / chunks;
    const std::int64_t column = rest % column_tiles * columns;
    rest /= column_tiles;
    const std::int64_t row = rest % row_tiles * product_rows, group = rest / row_tiles;
    const auto place = [&](const SpectrumSteps& steps, std::int64_t outer, std::int64_t inner,
                           int digit = 0) {
      return (group * steps.group + outer * steps.outer + inner * steps.inner +
              digit * steps.digit) *
                 a.points +
             point;
    };
    Number sum[product_rows][columns] = {};
    const auto each = [&](const auto& f) {
#pragma unroll
      for (int r = 0; r < product_rows; ++r) {
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          if (row + r < a.rows && column + c < a.columns) f(r, c);
        }
      }
    };
    if (a.add) each([&](int r, int c) { sum[r][c] = to[place(a.sum_at, row + r, column + c)]; });
    for (std::int64_t j = 0; j < a.terms; ++j) {
      for (int digit = 0; digit < a.digits; ++digit) {
        Number x[product_rows], y[columns];
#pragma unroll
        for (int r = 0; r < product_rows; ++r) {
          x[r] = row + r < a.rows ? from_a[place(a.a_at, row + r, j, digit)] : Number{};
        }
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          y[c] = column + c < a.columns ? from_b[place(a.b_at, column + c, j, digit)] : Number{};
          if (a.conjugate_b) y[c].imag = -y[c].imag;
        }
        each([&](int r, int c) { sum[r][c] = multiply_add(x[r], y[c], sum[r][c]); });
      }
    }
    each([&](int r, int c) {
      to[place(a.sum_at, row + r, column + c)] =
          Number{sum[r][c].real * scale, sum[r][c].imag * scale};
    });
  }
}

}  // namespace faltung::cuda::fft

#pragma once

#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/direct_kernel.cuh"

/// The taps of band_kernel: split into terms of 16 bits, and laid out as banded matrices.
namespace faltung::cuda::direct {

/// Taps as sums of `terms` values of F, scaled by a power of two.
template <typename F, int terms>
__device__ __forceinline__ void split_tap(float tap, F (&term)[terms]) {
#pragma unroll
  for (int i = 0; i < terms; ++i) {
    term[i] = from_float<F>(tap);
    tap -= to_float(term[i]);
  }
}

/// The scale that lets the greatest tap just fit f16, and whether two terms of f16 then hold every
/// tap to 22 bits.
struct BandScale {
  float scale = 1, inverse = 1;
  bool fits = true;
};
__device__ __forceinline__ BandScale band_scale(const Arguments& a, std::int64_t k) {
  const int columns = static_cast<int>(a.geometry.axis[2].filter);
  const int taps = columns * static_cast<int>(a.geometry.axis[1].filter);
  const auto tap = [&](int i) { return tap_at<float>(a, k, 0, 0, i / columns, i % columns); };
  unsigned largest = 0;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < taps; i += 32) {
    largest = max(largest, __float_as_uint(tap(i)) & 0x7fffffffu);
  }
  largest = __reduce_max_sync(0xffffffffu, largest);
  BandScale result;
  const int exponent = static_cast<int>(largest >> 23);  // biased; 255: not finite
  if (largest == 0 || exponent == 255) return result;
  const int up = min(126, 127 + 14 - exponent);
  result.scale = __uint_as_float(static_cast<unsigned>(127 + up) << 23);
  result.inverse = __uint_as_float(static_cast<unsigned>(127 - up) << 23);
  bool fits = true;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < taps; i += 32) {
    const float whole = tap(i) * result.scale;
    Half term[2];
    split_tap<Half, 2>(whole, term);
    const float rest = whole - to_float(term[0]) - to_float(term[1]);
    fits = fits && fabs(rest) <= 0x1p-22f * fabs(whole);
  }
  result.fits = __all_sync(0xffffffffu, fits ? 1 : 0) != 0;
  return result;
}

/// The banded matrices of a filter, as fragments of B: for each pair of output rows, `halves`
/// instructions and `terms` of each tap.
template <typename F, int pairs, int halves, int terms>
struct Band {
  std::uint32_t b[pairs][halves][terms][2];
};

/// K index k of half h of pair j is row 2j + k / 8, column k % 8 of the patch if halves is 1, else
/// row 2j + h, column k; N index n is the output in row n / 4, column n % 4.
template <typename F, int pairs, int halves, int terms>
__device__ __forceinline__ void load_taps(const Arguments& a, int lead, std::int64_t k, float scale,
                                          Band<F, pairs, halves, terms>& band) {
  const int n = static_cast<int>(threadIdx.x) / 4;
  const auto tap = [&](int row, int column) {
    row -= n / 4;
    column -= n % 4 + lead;
    const bool taken = row >= 0 && row < a.geometry.axis[1].filter && column >= 0 &&
                       column < a.geometry.axis[2].filter;
    return taken ? tap_at<float>(a, k, 0, 0, row, column) * scale : 0.0f;
  };
#pragma unroll
  for (int j = 0; j < pairs; ++j) {
#pragma unroll
    for (int h = 0; h < halves; ++h) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int at = static_cast<int>(threadIdx.x) % 4 * 2 + 8 * i;
        F low[terms], high[terms];
        split_tap<F, terms>(halves == 1 ? tap(2 * j + i, at % 8) : tap(2 * j + h, at), low);
        split_tap<F, terms>(halves == 1 ? tap(2 * j + i, at % 8 + 1) : tap(2 * j + h, at + 1),
                            high);
#pragma unroll
        for (int m = 0; m < terms; ++m) band.b[j][h][m][i] = pack(low[m], high[m]);
      }
    }
  }
}

}  // namespace faltung::cuda::direct

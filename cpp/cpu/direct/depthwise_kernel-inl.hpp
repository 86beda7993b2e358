// Included once for each instruction set by way of foreach_target.h; hence no include guard that
// outlives one of them.
#if defined(FALTUNG_DEPTHWISE_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FALTUNG_DEPTHWISE_KERNEL_INL
#undef FALTUNG_DEPTHWISE_KERNEL_INL
#else
#define FALTUNG_DEPTHWISE_KERNEL_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/depthwise_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V>
HWY_INLINE V add_weighted(D, V x, V w, V sum) {
  if constexpr (std::is_integral_v<hn::TFromD<D>>) {
    return hn::Add(sum, hn::Mul(x, w));
  } else {
    return hn::MulAdd(x, w, sum);
  }
}

// Adds neighbouring taps of a row, first to first + taps - 1. Outputs side by side read the same
// places of x, which are loaded once: columns + taps - 1 vectors for columns taps products.
template <int taps, int columns, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_sliding(D d, const T* const* x, const T* w, std::int64_t w_step, std::int64_t c,
                            V (&sums)[columns]) {
  V weights[taps];
  HWY_UNROLL(4)
  for (int t = 0; t < taps; ++t) weights[t] = hn::LoadU(d, w + t * w_step);
  HWY_UNROLL(16)
  for (int i = 0; i < columns + taps - 1; ++i) {
    const V value = hn::LoadU(d, x[i] + c);
    HWY_UNROLL(4)
    for (int t = 0; t < taps; ++t) {
      const int j = i - t;
      if (j >= 0 && j < columns) sums[j] = add_weighted(d, value, weights[t], sums[j]);
    }
  }
}

template <int columns, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_tap_row(D d, const DepthwiseRow<T>& a, const T* const* x, const T* w,
                            std::int64_t c, V (&sums)[columns]) {
  if (!a.slides) {
    for (std::int64_t t = 0; t < a.taps; ++t) {
      add_sliding<1>(d, x + a.offsets[t], w + t * a.w_step, a.w_step, c, sums);
    }
    return;
  }
  std::int64_t t = 0;
  for (; t + 4 <= a.taps; t += 4) add_sliding<4>(d, x + t, w + t * a.w_step, a.w_step, c, sums);
  switch (a.taps - t) {
    case 1:
      return add_sliding<1>(d, x + t, w + t * a.w_step, a.w_step, c, sums);
    case 2:
      return add_sliding<2>(d, x + t, w + t * a.w_step, a.w_step, c, sums);
    case 3:
      return add_sliding<3>(d, x + t, w + t * a.w_step, a.w_step, c, sums);
    default:
      return;
  }
}

// One vector of channels of some columns.
template <int columns, class D, typename T = hn::TFromD<D>>
HWY_INLINE void depthwise_tile(D d, const DepthwiseRow<T>& a, std::int64_t column, std::int64_t c) {
  using V = hn::Vec<D>;
  V sums[columns];
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) sums[j] = hn::Zero(d);
  const T* w = a.w + c;
  for (std::int64_t q = 0; q < a.tap_planes; ++q) {
    for (std::int64_t r = 0; r < a.tap_rows; ++r, w += a.taps * a.w_step) {
      add_tap_row(d, a, a.x + q * a.plane_step + r * a.row_step + column, w, c, sums);
    }
  }
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) {
    hn::StoreU(sums[j], d, a.y + (column + j) * a.y_step + c);
  }
}

template <int columns, class D, typename T = hn::TFromD<D>>
HWY_NOINLINE std::int64_t depthwise_tiles(D d, const DepthwiseRow<T>& a, std::int64_t column) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + columns <= a.columns; column += columns) {
    // The last vector reaches back, so that nothing is read or written beyond the channels.
    for (std::int64_t c = 0; c < a.channels; c += lanes) {
      depthwise_tile<columns>(d, a, column, std::min(c, a.channels - lanes));
    }
  }
  return column;
}

template <typename T>
void depthwise(const DepthwiseRow<T>& a) {
  const hn::ScalableTag<T> d;
  std::int64_t column = depthwise_tiles<8>(d, a, 0);
  column = depthwise_tiles<4>(d, a, column);
  column = depthwise_tiles<2>(d, a, column);
  depthwise_tiles<1>(d, a, column);
}

template <typename T>
std::int64_t depthwise_lanes() {
  return static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

#endif

// Included by stencil_kernel-inl.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {

// Sums of one output row and one row of taps in vectors that are shifted into place in registers:
// StencilRows with rows = tap_rows = 1, offsets = null, for tiles that lie within the columns. Taps
// that lie a vector apart (a hop) read the same vectors. The order of a sum is that of line().

inline constexpr int line_vectors = 8;  // of sums

// Adds the tap whose values lie `shift` after the vectors x, which are those at `from`, and the
// one a hop later. A load that straddles two cache lines takes as long as two, so most values are
// shifted into place in registers; not all, because shifts and products share units: on Zen 4, 25
// taps took 0.31 ns a vector and tap, 0.34 with shifts alone, 0.50 with loads alone.
template <int shift, int hops, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_shifted(D d, const T* from, const V (&x)[vectors + 2], const T* w,
                            std::int64_t hop, V (&sums)[vectors]) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V weights[hops];
  for (int h = 0; h < hops; ++h) weights[h] = hn::Set(d, w[h * hop]);
  HWY_UNROLL(16)
  for (int j = 0; j < vectors + hops - 1; ++j) {
    V value = x[j];
    if constexpr (shift % 3 == 1) {
      value = hn::LoadU(d, from + shift + j * lanes);
    } else if constexpr (shift > 0) {
      value = shifted<shift>(d, x[j], x[j + 1]);
    }
    for (int h = 0; h < hops; ++h) {
      const int v = j - h;
      if (v >= 0 && v < vectors) sums[v] = add_product(d, value, weights[h], sums[v]);
    }
  }
}

// The same for this shift and all larger ones.
template <int shift, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_shifts(D d, const T* from, const V (&x)[vectors + 2], const T* w,
                           std::int64_t taps, std::int64_t tap_step, V (&sums)[vectors]) {
  if constexpr (shift * static_cast<int>(sizeof(T)) < HWY_MAX_BYTES) {
    const std::int64_t first = shift / tap_step;
    if (first >= taps) return;
    if (shift % tap_step == 0) {
      const std::int64_t hop = static_cast<std::int64_t>(hn::Lanes(d)) / tap_step;
      if (first + hop < taps) {
        add_shifted<shift, 2>(d, from, x, w + first, hop, sums);
      } else {
        add_shifted<shift, 1>(d, from, x, w + first, hop, sums);
      }
    }
    add_shifts<shift + 1>(d, from, x, w, taps, tap_step, sums);
  }
}

// A tile that lies within the columns reads at most a vector too many.
template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void shifted_tile(D d, const StencilRows<T>& a, std::int64_t column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[vectors];
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) sums[v] = hn::Zero(d);
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.taps) {
    const T* from = a.x + a.planes[q] + column;
    V x[vectors + 2];
    HWY_UNROLL(16)
    for (int j = 0; j <= vectors; ++j) x[j] = hn::LoadU(d, from + j * lanes);
    // The taps of one hop do not need the last, which may lie beyond row_slack.
    x[vectors + 1] =
        a.taps * a.tap_step > lanes ? hn::LoadU(d, from + (vectors + 1) * lanes) : x[vectors];
    add_shifts<0>(d, from, x, w, a.taps, a.tap_step, sums);
  }
  store_vectors(d, sums, a.y + column, a.columns - column, a.streams);
}

// The tiles that lie within the columns; the column after them. None where shifts do not pay.
template <typename T>
HWY_INLINE std::int64_t shifted_tiles(const StencilRows<T>& a) {
  std::int64_t column = 0;
  if constexpr (has_shifts) {
    const hn::ScalableTag<T> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    if (a.taps * a.tap_step > 2 * lanes) return 0;
    for (; column + line_vectors * lanes <= a.columns; column += line_vectors * lanes) {
      shifted_tile<line_vectors>(d, a, column);
    }
  }
  return column;
}

// The same in order: a vector of taps at a time, so that none is a hop from another.
template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void ordered_tile(D d, const StencilRows<T>& a, std::int64_t column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[vectors];
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) sums[v] = hn::Zero(d);
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.taps) {
    const T* from = a.x + a.planes[q] + column;
    for (std::int64_t t = 0; t < a.taps; t += lanes, from += lanes) {
      V x[vectors + 2];
      HWY_UNROLL(16)
      for (int j = 0; j <= vectors; ++j) x[j] = hn::LoadU(d, from + j * lanes);
      x[vectors + 1] = x[vectors];  // not met
      add_shifts<0>(d, from, x, w + t, std::min(lanes, a.taps - t), 1, sums);
    }
  }
  add_zero(d, a.zero, sums);
  store_vectors(d, sums, a.y + column, a.columns - column, a.streams);
}

// The whole tiles of a row of values side by side; the column after them.
template <typename T>
HWY_INLINE std::int64_t ordered_tiles(const StencilRows<T>& a) {
  std::int64_t column = 0;
  if constexpr (has_shifts) {
    const hn::ScalableTag<T> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (; column + line_vectors * lanes <= a.columns; column += line_vectors * lanes) {
      ordered_tile<line_vectors>(d, a, column);
    }
  }
  return column;
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

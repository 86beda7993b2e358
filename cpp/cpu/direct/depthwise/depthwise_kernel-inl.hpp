// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/depthwise/depthwise_kernel.hpp"
#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The x of DepthwiseRow at some i.
template <typename T>
struct PlacesInTable {
  const T* const* x;
  HWY_INLINE const T* operator[](std::int64_t j) const { return x[j]; }
  HWY_INLINE PlacesInTable after(std::int64_t i) const { return {x + i}; }
  HWY_INLINE PlacesInTable column(std::int64_t j) const { return {x + j}; }
};
template <typename T>
struct PlacesInCopy {
  const T* x;
  std::int64_t step;
  HWY_INLINE const T* operator[](std::int64_t j) const { return x + j * step; }
  HWY_INLINE PlacesInCopy after(std::int64_t i) const { return {x + i, step}; }
  HWY_INLINE PlacesInCopy column(std::int64_t j) const { return {x + j * step, step}; }
};

// Adds `taps` taps, each one column after the other. Outputs side by side read the same places of
// x, which are loaded once: columns + taps - 1 vectors for columns taps products.
template <int taps, int columns, class D, class X, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_taps(D d, X x, const T* w, std::int64_t w_step, std::int64_t c,
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
      if (j >= 0 && j < columns) sums[j] = add_product(d, value, weights[t], sums[j]);
    }
  }
}

template <int columns, class D, class X, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_tap_row(D d, const DepthwiseRow<T>& a, X x, const T* w, std::int64_t c,
                            V (&sums)[columns]) {
  if (a.hop == 0) {
    for (std::int64_t t = 0; t < a.taps; ++t, w += a.w_step) {
      add_taps<1>(d, x.after(a.offsets[t]), w, a.w_step, c, sums);
    }
    return;
  }
  const std::int64_t step = a.hop * a.w_step;
  for (std::int64_t first = 0; first < std::min(a.hop, a.taps); ++first, w += a.w_step) {
    X places = x.after(a.offsets[first]);
    const T* weights = w;
    std::int64_t left = (a.taps - first + a.hop - 1) / a.hop;
    for (; left >= 4; left -= 4, places = places.column(4), weights += 4 * step) {
      add_taps<4>(d, places, weights, step, c, sums);
    }
    if (left == 3) add_taps<3>(d, places, weights, step, c, sums);
    if (left == 2) add_taps<2>(d, places, weights, step, c, sums);
    if (left == 1) add_taps<1>(d, places, weights, step, c, sums);
  }
}

// One vector of channels of some columns.
template <int columns, class D, class X, typename T = hn::TFromD<D>>
HWY_INLINE void depthwise_tile(D d, const DepthwiseRow<T>& a, X x, T* y, std::int64_t c) {
  using V = hn::Vec<D>;
  V sums[columns];
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) sums[j] = hn::Zero(d);
  const T* w = a.w + c;
  for (std::int64_t q = 0; q < a.tap_planes; ++q) {
    for (std::int64_t r = 0; r < a.tap_rows; ++r, w += a.taps * a.w_step) {
      add_tap_row(d, a, x.after(q * a.plane_step + r * a.row_step), w, c, sums);
    }
  }
  add_zero(d, a.zero, sums);
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) hn::StoreU(sums[j], d, y + j * a.y_step + c);
}

template <int columns, class D, class X, typename T = hn::TFromD<D>>
HWY_NOINLINE std::int64_t depthwise_tiles(D d, const DepthwiseRow<T>& a, X x, std::int64_t column) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + columns <= a.columns; column += columns) {
    // The last vector reaches back, so that nothing is read or written beyond the channels.
    for (std::int64_t c = 0; c < a.channels; c += lanes) {
      depthwise_tile<columns>(d, a, x.column(column), a.y + column * a.y_step,
                              std::min(c, a.channels - lanes));
    }
  }
  return column;
}

template <typename T, class X>
void depthwise_row(const DepthwiseRow<T>& a, X x) {
  const hn::ScalableTag<T> d;
  std::int64_t column = depthwise_tiles<8>(d, a, x, 0);
  column = depthwise_tiles<4>(d, a, x, column);
  column = depthwise_tiles<2>(d, a, x, column);
  depthwise_tiles<1>(d, a, x, column);
}

// Sums, inputs and one weight stay in registers: 16 + 4 + 1 of 32, or 8 + 2 + 1 of 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
inline constexpr int shared_columns = 4;
#else
inline constexpr int shared_columns = 2;
#endif

// A vector of x that lies across two cache lines takes two loads; neighbouring output rows share
// it. Row m meets tap row s - m in row s of x.
template <int columns, class D, typename T = hn::TFromD<D>>
HWY_INLINE void depthwise_shared_tile(D d, const DepthwiseRow<T>& a, const T* x, T* y,
                                      std::int64_t c) {
  using V = hn::Vec<D>;
  constexpr int rows = max_depthwise_rows;
  V sums[rows][columns];
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    HWY_UNROLL(4)
    for (int j = 0; j < columns; ++j) sums[m][j] = hn::Zero(d);
  }
  const std::int64_t w_row = a.taps * a.w_step;
  for (std::int64_t q = 0; q < a.tap_planes; ++q) {
    const T* weights = a.w + q * a.tap_rows * w_row + c;
    for (std::int64_t s = 0; s < a.tap_rows + rows - 1; ++s) {
      for (std::int64_t t = 0; t < a.taps; ++t) {
        const T* from = x + q * a.plane_step + s * a.row_step + a.offsets[t] + c;
        V values[columns];
        HWY_UNROLL(4)
        for (int j = 0; j < columns; ++j) values[j] = hn::LoadU(d, from + j * a.column_step);
        HWY_UNROLL(4)
        for (int m = 0; m < rows; ++m) {
          if (s < m || s - m >= a.tap_rows) continue;
          const V weight = hn::LoadU(d, weights + (s - m) * w_row + t * a.w_step);
          HWY_UNROLL(4)
          for (int j = 0; j < columns; ++j) {
            sums[m][j] = add_product(d, values[j], weight, sums[m][j]);
          }
        }
      }
    }
  }
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    add_zero(d, a.zero, sums[m]);
    HWY_UNROLL(4)
    for (int j = 0; j < columns; ++j) {
      hn::StoreU(sums[m][j], d, y + m * a.y_row_step + j * a.y_step + c);
    }
  }
}

template <int columns, class D, typename T = hn::TFromD<D>>
HWY_NOINLINE std::int64_t depthwise_shared_tiles(D d, const DepthwiseRow<T>& a,
                                                 std::int64_t column) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + columns <= a.columns; column += columns) {
    for (std::int64_t c = 0; c < a.channels; c += lanes) {
      depthwise_shared_tile<columns>(d, a, a.copy + column * a.column_step, a.y + column * a.y_step,
                                     std::min(c, a.channels - lanes));
    }
  }
  return column;
}

template <typename T>
void depthwise(const DepthwiseRow<T>& a) {
  if (a.rows > 1) {
    const hn::ScalableTag<T> d;
    const std::int64_t column = depthwise_shared_tiles<shared_columns>(d, a, 0);
    depthwise_shared_tiles<1>(d, a, column);
  } else if (a.places != nullptr) {
    depthwise_row(a, PlacesInTable<T>{a.places});
  } else {
    depthwise_row(a, PlacesInCopy<T>{a.copy, a.column_step});
  }
}

template <typename T>
DepthwiseKernel<T> make_depthwise_kernel() {
  return {static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>())), depthwise<T>};
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

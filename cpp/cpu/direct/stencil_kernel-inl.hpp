// Included once for each instruction set by way of foreach_target.h; hence no include guard that
// outlives one of them.
#if defined(FALTUNG_STENCIL_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FALTUNG_STENCIL_KERNEL_INL
#undef FALTUNG_STENCIL_KERNEL_INL
#else
#define FALTUNG_STENCIL_KERNEL_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/stencil_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of one row that are summed at once, so that sums, inputs and a weight stay in registers.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
inline constexpr int shared_vectors = 4;  // 32 registers
#else
inline constexpr int shared_vectors = 2;  // 16 registers
#endif

template <class D, class V>
HWY_INLINE V add_product(D, V x, V w, V sum) {
  if constexpr (std::is_integral_v<hn::TFromD<D>>) {
    return hn::Add(sum, hn::Mul(x, w));
  } else {
    return hn::MulAdd(x, w, sum);
  }
}

// Stores `count` elements of the vectors, in order.
template <int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store(D d, const V (&sums)[vectors], T* y, std::int64_t count) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) {
    const std::int64_t left = count - v * lanes;
    if (left >= lanes) {
      hn::StoreU(sums[v], d, y + v * lanes);
    } else if (left > 0) {
      HWY_ALIGN T part[HWY_MAX_BYTES / sizeof(T)];
      hn::Store(sums[v], d, part);
      std::copy_n(part, left, y + v * lanes);
    }
  }
}

// Adds what one row of x gives to output rows first to last: row m meets tap row `tap_row - m`.
template <int first, int last, int rows, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_row(D d, const StencilRows<T>& a, const T* x, const T* w,
                        V (&sums)[rows][vectors]) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t t = 0; t < a.taps; ++t) {
    const T* from = x + (a.offsets != nullptr ? a.offsets[t] : t * a.tap_step);
    V values[vectors];
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) values[v] = hn::LoadU(d, from + v * lanes);
    HWY_UNROLL(4)
    for (int m = first; m <= last; ++m) {
      const V weight = hn::Set(d, w[t - m * a.taps]);
      HWY_UNROLL(8)
      for (int v = 0; v < vectors; ++v) {
        sums[m][v] = add_product(d, values[v], weight, sums[m][v]);
      }
    }
  }
}

// The first rows - 1 rows of x meet only the first output rows, the last ones only the last.
template <int rows, int at, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_first_rows(D d, const StencilRows<T>& a, const T* x, const T* w,
                               V (&sums)[rows][vectors]) {
  if constexpr (at < rows - 1) {
    add_row<0, at>(d, a, x + at * a.tap_row_step, w + at * a.taps, sums);
    add_first_rows<rows, at + 1>(d, a, x, w, sums);
  }
}
template <int rows, int at, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_last_rows(D d, const StencilRows<T>& a, const T* x, const T* w,
                              V (&sums)[rows][vectors]) {
  if constexpr (at < rows) {
    const std::int64_t row = a.tap_rows + at - 1;
    add_row<at, rows - 1>(d, a, x + row * a.tap_row_step, w + row * a.taps, sums);
    add_last_rows<rows, at + 1>(d, a, x, w, sums);
  }
}

template <int rows, int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void shared_tile(D d, const StencilRows<T>& a, std::int64_t column) {
  using V = hn::Vec<D>;
  V sums[rows][vectors];
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) sums[m][v] = hn::Zero(d);
  }
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.tap_rows * a.taps) {
    const T* x = a.x + a.planes[q] + column;
    add_first_rows<rows, 0>(d, a, x, w, sums);
    for (std::int64_t r = rows - 1; r < a.tap_rows; ++r) {
      add_row<0, rows - 1>(d, a, x + r * a.tap_row_step, w + r * a.taps, sums);
    }
    add_last_rows<rows, 1>(d, a, x, w, sums);
  }
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    store(d, sums[m], a.y + m * a.y_row_step + column, a.columns - column);
  }
}

template <int rows, int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE std::int64_t shared_tiles(D d, const StencilRows<T>& a, std::int64_t column) {
  const std::int64_t width = vectors * static_cast<std::int64_t>(hn::Lanes(d));
  // The last tile may hang over by less than a vector.
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + width < a.columns + lanes; column += width) {
    shared_tile<rows, vectors>(d, a, column);
  }
  return column;
}

template <int rows, class D, typename T = hn::TFromD<D>>
HWY_NOINLINE void shared_rows(D d, const StencilRows<T>& a) {
  std::int64_t column = 0;
  if constexpr (rows == 1) column = shared_tiles<rows, 8>(d, a, column);
  column = shared_tiles<rows, shared_vectors>(d, a, column);
  if constexpr (shared_vectors > 2) column = shared_tiles<rows, 2>(d, a, column);
  shared_tiles<rows, 1>(d, a, column);
}

// Taps that lie a vector apart read the same vectors of x, moved by one: with `hops` of them at a
// time a loaded vector is used as often. Adds taps first, first + hop, ... (hop: one vector).
template <int hops, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_hops(D d, const T* x, const T* w, std::int64_t hop, V (&sums)[vectors]) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V weights[hops];
  HWY_UNROLL(4)
  for (int h = 0; h < hops; ++h) weights[h] = hn::Set(d, w[h * hop]);
  HWY_UNROLL(16)
  for (int j = 0; j < vectors + hops - 1; ++j) {
    const V value = hn::LoadU(d, x + j * lanes);
    HWY_UNROLL(4)
    for (int h = 0; h < hops; ++h) {
      const int v = j - h;
      if (v >= 0 && v < vectors) sums[v] = add_product(d, value, weights[h], sums[v]);
    }
  }
}

template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void line_tile(D d, const StencilRows<T>& a, std::int64_t column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t hop = lanes / a.tap_step;
  V sums[vectors];
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) sums[v] = hn::Zero(d);
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.taps) {
    for (std::int64_t first = 0; first < std::min(hop, a.taps); ++first) {
      const T* x = a.x + a.planes[q] + column + first * a.tap_step;
      std::int64_t t = first;
      for (; t + 3 * hop < a.taps; t += 4 * hop, x += 4 * lanes) {
        add_hops<4>(d, x, w + t, hop, sums);
      }
      if (t + hop < a.taps) {
        add_hops<2>(d, x, w + t, hop, sums);
        t += 2 * hop;
        x += 2 * lanes;
      }
      if (t < a.taps) add_hops<1>(d, x, w + t, hop, sums);
    }
  }
  store(d, sums, a.y + column, a.columns - column);
}

template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE std::int64_t line_tiles(D d, const StencilRows<T>& a, std::int64_t column) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + vectors * lanes < a.columns + lanes; column += vectors * lanes) {
    line_tile<vectors>(d, a, column);
  }
  return column;
}

template <class D, typename T = hn::TFromD<D>>
HWY_NOINLINE void line(D d, const StencilRows<T>& a) {
  std::int64_t column = line_tiles<8>(d, a, 0);
  column = line_tiles<4>(d, a, column);
  line_tiles<1>(d, a, column);
}

template <typename T>
void stencil(const StencilRows<T>& a) {
  const hn::ScalableTag<T> d;
  // One row of taps longer than a vector: then sharing vectors between taps pays.
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  if (a.tap_rows == 1 && a.offsets == nullptr && lanes > 1 && a.taps * a.tap_step > lanes) {
    for (std::int64_t m = 0; m < a.rows; ++m) {
      StencilRows<T> row = a;
      row.x += m * a.tap_row_step;
      row.y += m * a.y_row_step;
      line(d, row);
    }
    return;
  }
  switch (a.rows) {
    case 1:
      return shared_rows<1>(d, a);
    case 2:
      return shared_rows<2>(d, a);
    case 3:
      return shared_rows<3>(d, a);
    default:
      return shared_rows<4>(d, a);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

#endif

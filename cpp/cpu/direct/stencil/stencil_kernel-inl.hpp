// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/stencil/column_kernel-inl.hpp"
#include "cpp/cpu/direct/stencil/line_kernel-inl.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"

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

// Whether MulAdd rounds once.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || \
    HWY_TARGET == HWY_NEON
inline constexpr bool fuses_products = true;
#else
inline constexpr bool fuses_products = false;
#endif

// Vectors of sums. Sums of `phases` outputs side by side lie in as many vectors.
template <typename T>
struct Vectors {
  static constexpr int phases = 1;
  using D = hn::ScalableTag<T>;
  using Value = hn::Vec<D>;
  using Sum = hn::Vec<D>;

  // Outputs of a vector for each phase.
  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }
  static HWY_INLINE Sum zero() { return hn::Zero(D()); }
  static HWY_INLINE Value load(const T* x) { return hn::LoadU(D(), x); }
  static HWY_INLINE Value weight(const T& w) { return hn::Set(D(), w); }
  static HWY_INLINE Sum add(Sum sum, Value x, Value w) {
    if constexpr (std::is_integral_v<T>) {
      return hn::Add(sum, hn::Mul(x, w));
    } else {
      return hn::MulAdd(x, w, sum);
    }
  }
  static HWY_INLINE void store(const Sum (&sums)[1], T* y) { hn::StoreU(sums[0], D(), y); }
};

#if FALTUNG_ADDS_INT16_PAIRS
// A vector of x holds the pairs of every other output; moved by one value, those of the others.
template <>
struct Vectors<Int16Pair> {
  static constexpr int phases = 2;
  using D = hn::ScalableTag<std::int32_t>;
  using D16 = hn::Repartition<std::int16_t, D>;
  using Value = hn::Vec<D16>;
  using Sum = hn::Vec<D>;

  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D16())); }
  static HWY_INLINE Sum zero() { return hn::Zero(D()); }
  static HWY_INLINE Value load(const std::int16_t* x) { return hn::LoadU(D16(), x); }
  static HWY_INLINE Value weight(const Int16Pair& w) {
    return hn::BitCast(D16(), hn::Set(D(), std::bit_cast<std::int32_t>(w)));
  }
  // Here this is the instruction pmaddwd, which does not saturate: two products of -32768 by -32768
  // add up to -2^31, the sum modulo 2^32.
  static HWY_INLINE Sum add(Sum sum, Value x, Value w) {
    Sum unused = zero();
    return hn::ReorderWidenMulAccumulate(D(), x, w, sum, unused);
  }
  static HWY_INLINE void store(const Sum (&sums)[2], std::uint32_t* y) {
    const hn::RebindToUnsigned<D> d;
    hn::StoreInterleaved2(hn::BitCast(d, sums[0]), hn::BitCast(d, sums[1]), d, y);
  }
};
#endif

// Stores `count` sums of the vectors, in order.
template <typename T, int vectors, typename S = typename ValueTraits<T>::Sum>
HWY_INLINE void store(const typename Vectors<T>::Sum (&sums)[vectors][Vectors<T>::phases], S* y,
                      std::int64_t count, bool streams) {
  const std::int64_t lanes = Vectors<T>::lanes();
  if constexpr (Vectors<T>::phases == 1) {
    const auto bytes = static_cast<std::uintptr_t>(lanes) * sizeof(S);
    if (streams && count >= vectors * lanes && reinterpret_cast<std::uintptr_t>(y) % bytes == 0) {
      HWY_UNROLL(8)
      for (int v = 0; v < vectors; ++v) {
        hn::Stream(sums[v][0], typename Vectors<T>::D(), y + v * lanes);
      }
      return;
    }
  }
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) {
    const std::int64_t left = count - v * lanes;
    if (left >= lanes) {
      Vectors<T>::store(sums[v], y + v * lanes);
    } else if (left > 0) {
      if constexpr (Vectors<T>::phases == 1) {
        store_part(typename Vectors<T>::D(), sums[v][0], y + v * lanes, left);
      } else {
        HWY_ALIGN S part[Vectors<T>::phases * HWY_MAX_BYTES / sizeof(S)];
        Vectors<T>::store(sums[v], part);
        std::copy_n(part, left, y + v * lanes);
      }
    }
  }
}

// Adds what one row of x gives to output rows first to last: row m meets tap row `tap_row - m`.
template <int first, int last, typename T, int rows, int vectors, typename X, class V>
HWY_INLINE void add_row(const StencilRows<T>& a, const X* x, const T* w,
                        V (&sums)[rows][vectors][Vectors<T>::phases]) {
  constexpr int phases = Vectors<T>::phases;
  const std::int64_t lanes = Vectors<T>::lanes();
  for (std::int64_t t = 0; t < a.taps; ++t) {
    const X* from = x + (a.offsets != nullptr ? a.offsets[t] : t * a.tap_step);
    typename Vectors<T>::Value values[vectors][phases];
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      HWY_UNROLL(2)
      for (int p = 0; p < phases; ++p) values[v][p] = Vectors<T>::load(from + v * lanes + p);
    }
    HWY_UNROLL(4)
    for (int m = first; m <= last; ++m) {
      const auto weight = Vectors<T>::weight(w[t - m * a.taps]);
      HWY_UNROLL(8)
      for (int v = 0; v < vectors; ++v) {
        HWY_UNROLL(2)
        for (int p = 0; p < phases; ++p) {
          sums[m][v][p] = Vectors<T>::add(sums[m][v][p], values[v][p], weight);
        }
      }
    }
  }
}

// The first rows - 1 rows of x meet only the first output rows, the last ones only the last.
template <int at, typename T, int rows, int vectors, typename X, class V>
HWY_INLINE void add_first_rows(const StencilRows<T>& a, const X* x, const T* w,
                               V (&sums)[rows][vectors][Vectors<T>::phases]) {
  if constexpr (at < rows - 1) {
    add_row<0, at>(a, x + at * a.tap_row_step, w + at * a.taps, sums);
    add_first_rows<at + 1>(a, x, w, sums);
  }
}
template <int at, typename T, int rows, int vectors, typename X, class V>
HWY_INLINE void add_last_rows(const StencilRows<T>& a, const X* x, const T* w,
                              V (&sums)[rows][vectors][Vectors<T>::phases]) {
  if constexpr (at < rows) {
    const std::int64_t row = a.tap_rows + at - 1;
    add_row<at, rows - 1>(a, x + row * a.tap_row_step, w + row * a.taps, sums);
    add_last_rows<at + 1>(a, x, w, sums);
  }
}

template <int rows, int vectors, typename T>
HWY_INLINE void shared_tile(const StencilRows<T>& a, std::int64_t column) {
  constexpr int phases = Vectors<T>::phases;
  typename Vectors<T>::Sum sums[rows][vectors][phases];
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      HWY_UNROLL(2)
      for (int p = 0; p < phases; ++p) sums[m][v][p] = Vectors<T>::zero();
    }
  }
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.tap_rows * a.taps) {
    const auto* x = a.x + a.planes[q] + column;
    add_first_rows<0>(a, x, w, sums);
    for (std::int64_t r = rows - 1; r < a.tap_rows; ++r) {
      add_row<0, rows - 1>(a, x + r * a.tap_row_step, w + r * a.taps, sums);
    }
    add_last_rows<1>(a, x, w, sums);
  }
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    if constexpr (std::is_floating_point_v<T>) {
      HWY_UNROLL(8)
      for (int v = 0; v < vectors; ++v) add_zero(typename Vectors<T>::D(), a.zero, sums[m][v]);
    }
    store<T>(sums[m], a.y + m * a.y_row_step + column, a.columns - column, a.streams);
  }
}

template <int rows, int vectors, typename T>
HWY_INLINE std::int64_t shared_tiles(const StencilRows<T>& a, std::int64_t column) {
  const std::int64_t lanes = Vectors<T>::lanes();
  // The last tile may hang over by less than a vector.
  for (; column + vectors * lanes < a.columns + lanes; column += vectors * lanes) {
    shared_tile<rows, vectors>(a, column);
  }
  return column;
}

template <int rows, typename T>
HWY_NOINLINE void shared_rows(const StencilRows<T>& a) {
  constexpr int max = shared_vectors / Vectors<T>::phases;
  std::int64_t column = 0;
  if constexpr (rows == 1) column = shared_tiles<rows, 8 / Vectors<T>::phases>(a, column);
  column = shared_tiles<rows, max>(a, column);
  if constexpr (max > 2) column = shared_tiles<rows, 2>(a, column);
  shared_tiles<rows, 1>(a, column);
}

// Taps that lie a vector apart read the same vectors of x, moved by one: with `hops` of them at a
// time a loaded vector is used as often. Adds taps first, first + hop, ... (hop: one vector).
template <int hops, int phase, typename T, int vectors, typename X, class V>
HWY_INLINE void add_hops(const X* x, const T* w, std::int64_t hop,
                         V (&sums)[vectors][Vectors<T>::phases]) {
  const std::int64_t lanes = Vectors<T>::lanes();
  typename Vectors<T>::Value weights[hops];
  HWY_UNROLL(4)
  for (int h = 0; h < hops; ++h) weights[h] = Vectors<T>::weight(w[h * hop]);
  HWY_UNROLL(16)
  for (int j = 0; j < vectors + hops - 1; ++j) {
    const auto value = Vectors<T>::load(x + j * lanes + phase);
    HWY_UNROLL(4)
    for (int h = 0; h < hops; ++h) {
      const int v = j - h;
      if (v >= 0 && v < vectors) {
        sums[v][phase] = Vectors<T>::add(sums[v][phase], value, weights[h]);
      }
    }
  }
  if constexpr (phase + 1 < Vectors<T>::phases) add_hops<hops, phase + 1>(x, w, hop, sums);
}

template <int vectors, typename T>
HWY_INLINE void line_tile(const StencilRows<T>& a, std::int64_t column) {
  const std::int64_t lanes = Vectors<T>::lanes();
  const std::int64_t hop = lanes / a.tap_step;
  typename Vectors<T>::Sum sums[vectors][Vectors<T>::phases];
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) {
    HWY_UNROLL(2)
    for (int p = 0; p < Vectors<T>::phases; ++p) sums[v][p] = Vectors<T>::zero();
  }
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.taps) {
    for (std::int64_t first = 0; first < std::min(hop, a.taps); ++first) {
      const auto* x = a.x + a.planes[q] + column + first * a.tap_step;
      std::int64_t t = first;
      for (; t + 3 * hop < a.taps; t += 4 * hop, x += 4 * lanes) {
        add_hops<4, 0>(x, w + t, hop, sums);
      }
      if (t + hop < a.taps) {
        add_hops<2, 0>(x, w + t, hop, sums);
        t += 2 * hop;
        x += 2 * lanes;
      }
      if (t < a.taps) add_hops<1, 0>(x, w + t, hop, sums);
    }
  }
  store<T>(sums, a.y + column, a.columns - column, a.streams);
}

template <int vectors, typename T>
HWY_INLINE std::int64_t line_tiles(const StencilRows<T>& a, std::int64_t column) {
  const std::int64_t lanes = Vectors<T>::lanes();
  for (; column + vectors * lanes < a.columns + lanes; column += vectors * lanes) {
    line_tile<vectors>(a, column);
  }
  return column;
}

template <typename T>
HWY_NOINLINE void line(const StencilRows<T>& a) {
  std::int64_t column = 0;
  if constexpr (Vectors<T>::phases == 1) column = shifted_tiles(a);
  column = line_tiles<8 / Vectors<T>::phases>(a, column);
  column = line_tiles<4 / Vectors<T>::phases>(a, column);
  line_tiles<1>(a, column);
}

// In order, where no instruction rounds a product and a sum once: one output after the other.
template <typename T>
HWY_NOINLINE void rows_in_order(const StencilRows<T>& a) {
  for (std::int64_t m = 0; m < a.rows; ++m) {
    for (std::int64_t i = 0; i < a.columns; ++i) {
      T sum = 0;
      const T* w = a.w;
      for (std::int64_t q = 0; q < a.plane_count; ++q) {
        for (std::int64_t r = 0; r < a.tap_rows; ++r) {
          const T* x = a.x + a.planes[q] + (m + r) * a.tap_row_step + i;
          for (std::int64_t t = 0; t < a.taps; ++t) {
            sum = std::fma(x[a.offsets != nullptr ? a.offsets[t] : t * a.tap_step], *w++, sum);
          }
        }
      }
      a.y[m * a.y_row_step + i] = sum + T(0);
    }
  }
}

// In order, one row of taps side by side.
template <typename T>
HWY_NOINLINE void line_in_order(StencilRows<T> a) {
  const std::int64_t column = ordered_tiles(a);
  a.x += column;
  a.y += column;
  a.columns -= column;
  if (a.columns > 0) shared_rows<1>(a);
}

template <typename T>
void stencil(const StencilRows<T>& a) {
  if constexpr (std::is_floating_point_v<T> && !fuses_products) {
    if (a.in_order) return rows_in_order(a);
  }
  if constexpr (std::is_floating_point_v<T> && has_shifts) {
    const auto half = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()) / 2);
    const bool line = a.rows == 1 && a.tap_rows == 1 && a.offsets == nullptr && a.tap_step == 1;
    if (a.in_order && line && a.taps > half) return line_in_order(a);
  }
  // One row of taps longer than a vector: then sharing vectors between taps pays. Shifts do from
  // half a vector on.
  const std::int64_t lanes = Vectors<T>::lanes();
  const bool shifts = has_shifts && Vectors<T>::phases == 1;
  if (a.tap_rows == 1 && a.offsets == nullptr && lanes > 1 && !a.in_order &&
      a.taps * a.tap_step > (shifts ? lanes / 2 : lanes)) {
    for (std::int64_t m = 0; m < a.rows; ++m) {
      StencilRows<T> row = a;
      row.x += m * a.tap_row_step;
      row.y += m * a.y_row_step;
      line(row);
    }
    return;
  }
  if constexpr (Vectors<T>::phases == 1) {
    if (a.taps == 1 && a.offsets == nullptr) return columns(a);
  }
  switch (a.rows) {
    case 1:
      return shared_rows<1>(a);
    case 2:
      return shared_rows<2>(a);
    case 3:
      return shared_rows<3>(a);
    default:
      return shared_rows<4>(a);
  }
}

template <typename T>
StencilKernel<T> make_stencil_kernel() {
  if constexpr (std::is_same_v<T, Int16Pair> && !FALTUNG_ADDS_INT16_PAIRS) {
    return nullptr;
  } else {
    return stencil<T>;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/in_place/in_place_columns-inl.hpp"
#include "cpp/cpu/direct/in_place/in_place_kernel.hpp"
#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

// A tile of sums stays in registers. With 32 of them: 4 rows of 4 vectors, beside them 5 vectors of
// x, one shifted into place and the weights of a column of taps. A vector of x is loaded once for
// all its taps: 4 rows by 3x3 taps take 6 * 5 loads of x, most of them across two cache lines, and
// 36 of weights for 144 products. With 16: 4 rows of 3 vectors, the vectors of x under a tap and
// one weight, 54 loads of x and 36 of weights for 108 products.

// Adds tap t and those after it of one row of x to output rows first to last.
template <int t, int first, int last, typename T, typename E, class Row, class V, int rows,
          int vectors>
HWY_INLINE void add_in_place_taps(const InPlaceRows<T, E>& a, const Row& x, const T* w,
                                  V (&sums)[rows][vectors]) {
  if constexpr (t < max_in_place_taps) {
    if (t >= a.taps) return;
    const InPlaceTag<T> d;
    if constexpr (in_place_shifts) {
      V weights[rows];
      HWY_UNROLL(4)
      for (int m = first; m <= last; ++m) weights[m] = hn::Set(d, w[t - m * a.taps]);
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) {
        const V value = x.template at<t>(v);
        HWY_UNROLL(4)
        for (int m = first; m <= last; ++m) {
          sums[m][v] = hn::MulAdd(value, weights[m], sums[m][v]);
        }
      }
    } else {
      V values[vectors];
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) values[v] = x.template at<t>(v);
      HWY_UNROLL(4)
      for (int m = first; m <= last; ++m) {
        const V weight = hn::Set(d, w[t - m * a.taps]);
        HWY_UNROLL(4)
        for (int v = 0; v < vectors; ++v) {
          sums[m][v] = hn::MulAdd(values[v], weight, sums[m][v]);
        }
      }
    }
    add_in_place_taps<t + 1, first, last>(a, x, w, sums);
  }
}

// Adds what row `row` of x gives to output rows first to last: row m meets tap row `row - m`.
template <int first, int last, typename T, typename E, class Columns, class V, int rows,
          int vectors>
HWY_INLINE void add_in_place_row(const InPlaceRows<T, E>& a, const Columns& columns,
                                 const E* const* plane, std::int64_t row, const T* w,
                                 V (&sums)[rows][vectors]) {
  if (plane[row] == nullptr) return;
  add_in_place_taps<0, first, last>(a, columns.row(plane[row]), w + row * a.taps, sums);
}

// The first rows - 1 rows of x meet only the first output rows, the last ones only the last.
template <int at, typename T, typename E, class Columns, class V, int rows, int vectors>
HWY_INLINE void add_first_in_place(const InPlaceRows<T, E>& a, const Columns& columns,
                                   const E* const* plane, const T* w, V (&sums)[rows][vectors]) {
  if constexpr (at < rows - 1) {
    add_in_place_row<0, at>(a, columns, plane, at, w, sums);
    add_first_in_place<at + 1>(a, columns, plane, w, sums);
  }
}
template <int at, typename T, typename E, class Columns, class V, int rows, int vectors>
HWY_INLINE void add_last_in_place(const InPlaceRows<T, E>& a, const Columns& columns,
                                  const E* const* plane, const T* w, V (&sums)[rows][vectors]) {
  if constexpr (at < rows) {
    add_in_place_row<at, rows - 1>(a, columns, plane, a.tap_rows + at - 1, w, sums);
    add_last_in_place<at + 1>(a, columns, plane, w, sums);
  }
}

template <int rows, int vectors, class Columns, typename T, typename E>
HWY_INLINE void in_place_tile(const InPlaceRows<T, E>& a, std::int64_t column) {
  const InPlaceTag<T> d;
  const Columns columns(a, a.first_column + Columns::stride * column);
  InPlaceVector<T> sums[rows][vectors];
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) sums[m][v] = hn::Zero(d);
  }
  const E* const* plane = a.x;
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q) {
    add_first_in_place<0>(a, columns, plane, w, sums);
    for (std::int64_t row = rows - 1; row < a.tap_rows; ++row) {
      add_in_place_row<0, rows - 1>(a, columns, plane, row, w, sums);
    }
    add_last_in_place<1>(a, columns, plane, w, sums);
    plane += a.x_rows;
    w += a.tap_rows * a.taps;
  }
  HWY_UNROLL(4)
  for (int m = 0; m < rows; ++m) {
    add_zero(d, a.zero, sums[m]);
    store_vectors(d, sums[m], a.y + m * a.y_row_step + column, a.columns - column, a.streams);
  }
}

template <int rows, int vectors, template <typename, typename, int> class Columns, typename T,
          typename E>
HWY_INLINE std::int64_t in_place_tiles(const InPlaceRows<T, E>& a, std::int64_t column) {
  constexpr std::int64_t lanes = in_place_lanes<T>;
  // The last tile may hang over by less than a vector.
  for (; column + vectors * lanes < a.columns + lanes; column += vectors * lanes) {
    in_place_tile<rows, vectors, Columns<T, E, vectors>>(a, column);
  }
  return column;
}

#if HWY_TARGET == HWY_AVX2
// The tile of so many vectors at a column if it is needed, but for less than a vector that may hang
// over, and Columns are those under it. Whether there was one.
template <int rows, int vectors, class Columns, typename T, typename E>
HWY_INLINE bool takes_tile(const InPlaceRows<T, E>& a, std::int64_t& column) {
  constexpr std::int64_t step = vectors * in_place_lanes<T>;
  if (column + step >= a.columns + in_place_lanes<T>) return false;
  if (!Columns::are(a, a.first_column + column)) return false;
  in_place_tile<rows, vectors, Columns>(a, column);
  column += step;
  return true;
}

// Vectors to shift take registers, and one vector has too few sums for products to follow each
// other: 2 of them.
template <int rows, typename T, typename E>
HWY_NOINLINE void in_place_rows(const InPlaceRows<T, E>& a) {
  std::int64_t column = 0;
  while (column < a.columns) {
    if constexpr (std::is_same_v<T, E>) {
      if (takes_tile<rows, 3, InnerColumns<T, E, 3>>(a, column)) continue;
    }
    if (takes_tile<rows, 2, InnerColumns<T, E, 2>>(a, column)) continue;
    if (takes_tile<rows, 2, InPlaceColumns<T, E, 2>>(a, column)) continue;
    takes_tile<rows, 1, InPlaceColumns<T, E, 1>>(a, column);
  }
}
#else
template <int rows, typename T, typename E>
HWY_NOINLINE void in_place_rows(const InPlaceRows<T, E>& a) {
  std::int64_t column = in_place_tiles<rows, 4, InPlaceColumns>(a, 0);
  column = in_place_tiles<rows, 2, InPlaceColumns>(a, column);
  in_place_tiles<rows, 1, InPlaceColumns>(a, column);
}
#endif

template <typename T, typename E>
HWY_NOINLINE void every_other_column(const InPlaceRows<T, E>& a) {
  std::int64_t column = 0;
  if constexpr (in_place_shifts) column = in_place_tiles<1, 4, EveryOtherColumn>(a, column);
  column = in_place_tiles<1, 2, EveryOtherColumn>(a, column);
  in_place_tiles<1, 1, EveryOtherColumn>(a, column);
}

template <typename T, typename E>
void run_in_place(const InPlaceRows<T, E>& a) {
  if (a.column_stride == 2) return every_other_column(a);
  if (a.rows == 4) return in_place_rows<4>(a);
  InPlaceRows<T, E> last = a;  // one row of three
  switch (a.rows) {
    case 3:
      last.x += 2;
      last.y += 2 * a.y_row_step;
      in_place_rows<2>(a);
      return in_place_rows<1>(last);
    case 2:
      return in_place_rows<2>(a);
    default:
      return in_place_rows<1>(a);
  }
}

template <typename T, typename E>
InPlaceKernel<T, E> make_in_place_kernel() {
  return run_in_place<T, E>;
}
#else
template <typename T, typename E>
InPlaceKernel<T, E> make_in_place_kernel() {
  return nullptr;
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

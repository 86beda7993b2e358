// Included by stencil_kernel-inl.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums across rows of one tap each: StencilRows with taps = 1, offsets = null, any number of rows.
//
// Sums of so many rows and vectors at once, so that sums, inputs and a weight stay in registers.
inline constexpr int column_rows = many_registers ? 8 : 4;

// Adds what one row of x gives to output rows first to last: row m meets tap `row - m`.
template <int first, int last, int rows, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_column(D d, const T* x, const T* w, V (&sums)[rows][vectors]) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V values[vectors];
  HWY_UNROLL(4)
  for (int v = 0; v < vectors; ++v) values[v] = hn::LoadU(d, x + v * lanes);
  HWY_UNROLL(8)
  for (int m = first; m <= last; ++m) {
    const V weight = hn::Set(d, w[-m]);
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      sums[m][v] = add_product(d, values[v], weight, sums[m][v]);
    }
  }
}

// The first rows - 1 rows of x meet only the first output rows, the last ones only the last.
template <int rows, int at, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_first_columns(D d, const StencilRows<T>& a, const T* x, const T* w,
                                  V (&sums)[rows][vectors]) {
  if constexpr (at < rows - 1) {
    add_column<0, at>(d, x + at * a.tap_row_step, w + at, sums);
    add_first_columns<rows, at + 1>(d, a, x, w, sums);
  }
}
template <int rows, int at, int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_last_columns(D d, const StencilRows<T>& a, const T* x, const T* w,
                                 V (&sums)[rows][vectors]) {
  if constexpr (at < rows) {
    const std::int64_t row = a.tap_rows + at - 1;
    add_column<at, rows - 1>(d, x + row * a.tap_row_step, w + row, sums);
    add_last_columns<rows, at + 1>(d, a, x, w, sums);
  }
}

template <int rows, int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void column_tile(D d, const StencilRows<T>& a, std::int64_t column) {
  using V = hn::Vec<D>;
  V sums[rows][vectors];
  HWY_UNROLL(8)
  for (int m = 0; m < rows; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) sums[m][v] = hn::Zero(d);
  }
  const T* w = a.w;
  for (std::int64_t q = 0; q < a.plane_count; ++q, w += a.tap_rows) {
    const T* x = a.x + a.planes[q] + column;
    add_first_columns<rows, 0>(d, a, x, w, sums);
    for (std::int64_t r = rows - 1; r < a.tap_rows; ++r) {
      add_column<0, rows - 1>(d, x + r * a.tap_row_step, w + r, sums);
    }
    add_last_columns<rows, 1>(d, a, x, w, sums);
  }
  HWY_UNROLL(8)
  for (int m = 0; m < rows; ++m) {
    add_zero(d, static_cast<T>(a.zero), sums[m]);
    store_vectors(d, sums[m], a.y + m * a.y_row_step + column, a.columns - column, a.streams);
  }
}

template <int rows, int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE std::int64_t column_tiles(D d, const StencilRows<T>& a, std::int64_t column) {
  // The last tile may hang over by less than a vector.
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; column + vectors * lanes < a.columns + lanes; column += vectors * lanes) {
    column_tile<rows, vectors>(d, a, column);
  }
  return column;
}

template <int rows, typename T>
HWY_NOINLINE std::int64_t rows_of_columns(const StencilRows<T>& a) {
  const hn::ScalableTag<T> d;
  std::int64_t column = 0;
  if constexpr (many_registers && rows <= 4) column = column_tiles<rows, 4>(d, a, column);
  column = column_tiles<rows, 2>(d, a, column);
  column_tiles<rows, 1>(d, a, column);
  return rows;
}

// As many of the rows from the first on as are summed at once; how many.
template <typename T>
HWY_INLINE std::int64_t first_columns(const StencilRows<T>& a) {
  const std::int64_t rows = std::min(a.rows, a.tap_rows);
  if constexpr (column_rows > 4) {
    if (rows >= column_rows) return rows_of_columns<column_rows>(a);
  }
  if (rows >= 4) return rows_of_columns<4>(a);
  if (rows == 3) return rows_of_columns<3>(a);
  return rows == 2 ? rows_of_columns<2>(a) : rows_of_columns<1>(a);
}

template <typename T>
void columns(StencilRows<T> a) {
  while (a.rows > 0) {
    const std::int64_t rows = first_columns(a);
    a.x += rows * a.tap_row_step;
    a.y += rows * a.y_row_step;
    a.rows -= rows;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

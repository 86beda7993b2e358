#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

/// The vector kernel that reads rows where they lie in x, in plain C++ terms.
namespace faltung::direct {

/// Values of the widest vector that this kernel works with.
template <typename T>
inline constexpr int max_in_place_lanes = 64 / sizeof(T);

/// How vectors across the ends of a row are put together, with boundaries other than zero: lane l
/// of one is value index[l] of the first vector of the row and the last one side by side, or the
/// constant.
template <typename T>
struct InPlaceEnd {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  std::array<Index, max_in_place_lanes<T>> index;
  std::uint32_t inside;  ///< bit l: lane l is a value
};
template <typename T>
struct InPlaceEnds {
  InPlaceEnd<T> left;                  ///< of the vector across the left end
  std::array<InPlaceEnd<T>, 2> right;  ///< of the first vector across the right end and the next
  T constant;
};

/// Neighbouring output rows of one channel, sums in T of elements E. In elements, all sums start at
/// 0:
///
///     y[m, i] = sum over q, r, t:  w[q, r, t] x[q, m + r][first_column + i column_stride + t]
///
/// Columns beyond the row are zeros or what `ends` says. The sum of every output runs over its
/// products in the same order whatever `rows` and `columns` are; rows of zeros are left out.
template <typename T, typename E>
struct InPlaceRows {
  const E* const* x;           ///< column 0 of row [q, m + r]; null for a row of zeros
  std::int64_t x_rows;         ///< pointers of a plane q
  std::int64_t width;          ///< of a row; with ends at least a vector
  const InPlaceEnds<T>* ends;  ///< null: zeros
  std::int64_t first_column;   ///< may be negative; with ends that of a whole number of vectors
  std::int64_t column_stride;  ///< 1; or 2, for one row and zeros
  std::int64_t plane_count;    ///< q
  std::int64_t tap_rows;       ///< r; at least 3 for more rows than one
  std::int64_t taps;           ///< t, at most max_in_place_taps
  const T* w;                  ///< compact
  T* y;
  std::int64_t y_row_step;
  std::int64_t rows;  ///< 1 to 4
  std::int64_t columns;
  bool streams;    ///< stores past the caches, where whole vectors of y are aligned
  T zero = -T(0);  ///< is added: +0 makes sums of -0 those of +0
};

/// Of a row: vectors are shifted by less than two of them.
inline constexpr std::int64_t max_in_place_taps = 8;

template <typename T, typename E>
using InPlaceKernel = void (*)(const InPlaceRows<T, E>&);

/// The kernel for the instruction set in use: float of float or std::uint8_t, double of double.
/// Null but on AVX-512 and AVX2.
template <typename T, typename E>
[[nodiscard]] InPlaceKernel<T, E> in_place_kernel();

}  // namespace faltung::direct

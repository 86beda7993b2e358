#pragma once

#include <cstdint>

#include "cpp/core/masked_passes.hpp"

namespace faltung::masked {

/// Taps as they meet what is loaded: tap (r, s) of an output meets its window's row r, column s.
template <typename T>
struct WindowTaps {
  const T* values;  ///< row-major
  std::int64_t rows, columns;
  std::int64_t block_rows, block_columns;  ///< of a partial sum (cpp/core/sum_blocks.hpp)
};

/// One or two rows of results.
template <typename T>
struct WindowRows {
  const T* data;      ///< what tap (0, 0) of the first result meets; NaN is missing
  std::int64_t step;  ///< from row to row of the data
  T* results[2];
  T* divisors[2];        ///< where they go, or null
  std::int64_t rows;     ///< 1 or 2
  std::int64_t columns;  ///< up to window_slack more are read
};

/// Columns beyond those asked for that the kernels read.
inline constexpr std::int64_t window_slack = 128;

/// Quotients of windows for one instruction set: of the sum of taps times what is there by the sum
/// of these taps, as RowKernels::divide makes them.
template <typename T>
struct WindowKernels {
  using Run = void (*)(const WindowTaps<T>& taps, const WindowRows<T>& rows, const Quotient<T>& q);
  Run quotients;          ///< of any divisors
  Run counted_quotients;  ///< of which those below `fewest` leave results empty
  Run sums;               ///< where nothing is missing: by the sum of all taps
  /// Copies n numbers, and says whether one is NaN.
  bool (*copy)(const T* from, std::int64_t n, T* to);
};

/// For the set in use.
///
/// T: float, double
template <typename T>
[[nodiscard]] WindowKernels<T> window_kernels();

}  // namespace faltung::masked

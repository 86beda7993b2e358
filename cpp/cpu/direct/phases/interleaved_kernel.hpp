#pragma once

#include <cstdint>

/// The vector kernel for rows of outputs between whose elements zeros stand, in plain C++ terms.
namespace faltung::direct {

/// A row of x that a row of outputs meets, and its taps.
template <typename T>
struct MetRow {
  const T* x;  ///< column 0
  const T* w;  ///< of all phases, in turn
};

/// Most phases of a row, and most of its taps, of all phases.
inline constexpr std::int64_t max_row_phases = 4, max_row_taps = 64;

/// Outputs u m + p of some rows, for every phase p < u and m from `first` on:
///
///     y[u (m - first) + p] = sum over the rows met, and over the taps j of p:
///         w[j] x[m + places[j]]
///
/// where w and places count through the taps of all phases. There are zeros beyond x.
template <typename T>
struct InterleavedRows {
  const MetRow<T>* met;        ///< of all rows of outputs, in turn
  const std::int64_t* counts;  ///< of those that each row of outputs meets
  std::int64_t rows;           ///< of outputs
  std::int64_t width;          ///< of a row of x
  std::int64_t phases;         ///< u: 1 to max_row_phases
  const std::int64_t* taps;    ///< of each phase
  const std::int64_t* places;
  std::int64_t first;
  T* y;
  std::int64_t y_row_step;
  std::int64_t columns;  ///< outputs of a row
};

template <typename T>
using InterleavedKernel = void (*)(const InterleavedRows<T>&);

/// The kernel for the instruction set in use; T is float or double. Null but on AVX-512 and AVX2,
/// which load and store some lanes of a vector alone.
template <typename T>
[[nodiscard]] InterleavedKernel<T> interleaved_kernel();

}  // namespace faltung::direct

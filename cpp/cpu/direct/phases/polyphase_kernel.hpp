#pragma once

#include <cstdint>

/// The vector kernels for lines with input dilation, in plain C++ terms.
namespace faltung::direct {

/// One phase of the outputs: the taps that meet elements, and where the first output starts to
/// read.
struct PhaseTaps {
  std::int64_t x;      ///< the element under the first tap, counted from the start of the window
  std::int64_t first;  ///< where the taps start among those of all phases
  std::int64_t taps;
};

/// Outputs m < outputs of every phase p:
///
///     dots   y[m y_step + p] = sum over j:  w[first + j] x[x + m step + j]
///     rows   y[(m y_step + p) columns + i] =
///                sum over j:  w[first + j] x[(x + m step + j) columns + i]
///
/// Dots of pairs have two sums for each output, side by side, one of the products at even and one
/// of those at odd places, and then x, step, first, taps and j count pairs of values.
template <typename T>
struct PhaseSums {
  const T* x;
  const PhaseTaps* phases;
  std::int64_t phase_count;
  const T* w;
  std::int64_t step;
  std::int64_t outputs;
  T* y;
  std::int64_t y_step;
  std::int64_t columns;  ///< for rows: a multiple of row_values
};

/// How far past the last value needed w, and x in dots, may be read.
inline constexpr std::int64_t dot_slack = 16;

/// Rows are padded to a multiple of this: no vector is longer.
inline constexpr std::int64_t row_values = 16;

template <typename T>
using PhaseKernel = void (*)(const PhaseSums<T>&);

/// The kernels for the instruction set in use; T is float or double.
template <typename T>
struct PhaseKernels {
  PhaseKernel<T> dots, pair_dots, rows;
};
template <typename T>
[[nodiscard]] PhaseKernels<T> polyphase_kernel();

}  // namespace faltung::direct

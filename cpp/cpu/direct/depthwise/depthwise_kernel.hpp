#pragma once

#include <cstdint>

/// The vector kernel for one filter per channel, neighbouring channels in the lanes of a vector.
namespace faltung::direct {

/// Outputs of one row or of neighbouring rows, one filter per channel:
///
///     y[m y_row_step + j y_step + c] = sum over q, r, t:
///         w[(q, r, t) w_step + c] x(q plane_step + (m + r) row_step + offsets[t], j)[c]
///
/// for m below rows, j below columns and c below channels, where x(i, j) points to the values of
/// all channels at one place of the input: places[i + j], or copy + i + j column_step if there are
/// no places. The sum of every output runs over its products in the same order however many there
/// are of either.
template <typename T>
struct DepthwiseRow {
  const T* const* places;
  const T* copy;
  std::int64_t column_step;
  std::int64_t plane_step, row_step;
  const std::int64_t* offsets;  ///< of the taps of a row
  std::int64_t hop;             ///< taps t and t + hop are one column apart; 0 if none are
  std::int64_t tap_planes, tap_rows, taps;
  const T* w;
  std::int64_t w_step;
  T* y;
  std::int64_t y_step;
  std::int64_t y_row_step;
  std::int64_t rows;  ///< 1, or max_depthwise_rows from a copy with no hop
  std::int64_t columns;
  std::int64_t channels;  ///< at least one vector; results of the last one may be formed twice
  T zero;  ///< is added: +0 makes sums of -0 those of +0; with hop 0 or 1 they run in order
};

/// Output rows that read vectors of x together.
inline constexpr std::int64_t max_depthwise_rows = 4;

template <typename T>
struct DepthwiseKernel {
  std::int64_t lanes;  ///< values of a vector
  void (*run)(const DepthwiseRow<T>&);
};

/// The kernel for the instruction set in use; T is float, double or std::int32_t (which wraps).
template <typename T>
[[nodiscard]] DepthwiseKernel<T> depthwise_kernel();
template <>
[[nodiscard]] DepthwiseKernel<float> depthwise_kernel<float>();
template <>
[[nodiscard]] DepthwiseKernel<double> depthwise_kernel<double>();
template <>
[[nodiscard]] DepthwiseKernel<std::int32_t> depthwise_kernel<std::int32_t>();

}  // namespace faltung::direct

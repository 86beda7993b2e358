#pragma once

#include <cstdint>

/// The vector kernel for sums whose products lie in rows, in plain C++ terms.
namespace faltung::direct {

/// Sums over whole rows, in elements:
///
///     y[o y_output + k y_channel] = sum over i, t:  w[k w_channel + i taps + t] x[o rows + i][t]
///
/// A lane sums every lanes-th t of all rows, in partial sums of sum_block products; so every sum
/// runs over its products in the same order whatever `outputs` and `channels` are.
template <typename T>
struct DotRows {
  const T* const* x;
  std::int64_t outputs, rows, taps;
  const T* w;
  std::int64_t w_channel, channels;
  T* y;
  std::int64_t y_output, y_channel;
};

template <typename T>
struct DotKernel {
  std::int64_t lanes;  ///< values of a vector
  void (*run)(const DotRows<T>&);
};

/// The kernel for the instruction set in use; T is float or double.
template <typename T>
[[nodiscard]] DotKernel<T> dots_kernel();

}  // namespace faltung::direct

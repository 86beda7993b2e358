#pragma once

#include <cstdint>

/// The vector kernel for filters of one tap and few output channels, in plain C++ terms.
namespace faltung::direct {

/// Sums y[k y_step + i] = sum over c:  w[k w_step + c] x[c x_step + i] of places side by side.
template <typename T>
struct PointwiseRow {
  const T* x;
  std::int64_t x_step;  ///< between channels
  std::int64_t inputs;  ///< c
  const T* w;
  std::int64_t w_step;
  T* y;
  std::int64_t y_step;
  std::int64_t outputs;  ///< k
  std::int64_t count;    ///< i
};

template <typename T>
using PointwiseKernel = void (*)(const PointwiseRow<T>&);

/// The kernel for the instruction set in use; T is float or double. Null but on AVX-512 and AVX2,
/// which load and store some lanes of a vector alone.
template <typename T>
[[nodiscard]] PointwiseKernel<T> pointwise_kernel();

}  // namespace faltung::direct

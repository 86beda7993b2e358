#pragma once

#include <array>
#include <cstdint>

/// The vector kernels for the gradient of the filter, in plain C++ terms. Both add what a box of
/// outputs gives to sums in memory, as partial sums that end with the row in which they have come
/// to sum_block products (of each lane); `o` runs over the outputs of the box in order.
namespace faltung::direct {

/// Where the values of a box lie: output (i, j, l) finds its input at i plane_step + j row_step + l
/// after that of the first.
struct GradientBox {
  std::array<std::int64_t, 3> outputs;  ///< planes, rows, columns
  std::int64_t plane_step, row_step;
};

/// Many output channels, which lie in the lanes:
///
///     sums[i, k] += sum over o:  x[rows[i] + o] dy[o, k]
template <typename T>
struct ChannelGradient {
  GradientBox box;
  const T* x;
  const std::int64_t* rows;
  std::int64_t row_count;  ///< a multiple of GradientKernels::rows
  const T* dy;             ///< compact
  std::int64_t channels;   ///< a multiple of GradientKernels::lanes
  T* sums;
};

/// One output channel, neighbouring outputs in the lanes:
///
///     sums[i, l] += sum over o in lane l:  x[taps[i] + o] dy[o]
template <typename T>
struct StencilGradient {
  GradientBox box;
  const T* x;
  const std::int64_t* taps;
  std::int64_t tap_count;  ///< a multiple of GradientKernels::taps
  const T* dy;             ///< compact
  T* sums;                 ///< lanes of a tap together
};

template <typename T>
struct GradientKernels {
  std::int64_t lanes;  ///< values of a vector
  std::int64_t rows;   ///< that a tile of the channel kernel takes
  std::int64_t taps;   ///< that a tile of the stencil kernel takes
  void (*channels)(const ChannelGradient<T>&);
  void (*stencil)(const StencilGradient<T>&);
};

/// The kernels for the instruction set in use; T is float or double.
template <typename T>
[[nodiscard]] GradientKernels<T> gradient_kernel();

}  // namespace faltung::direct

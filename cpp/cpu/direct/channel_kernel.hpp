#pragma once

#include <cstdint>

/// The vector kernel for sums over many input channels, in plain C++ terms.
namespace faltung::direct {

/// Sums for one tile of output channels, over vectors of neighbouring outputs:
///
///     y[k, v, l] = sum over c, t:  w[c, t, k] x[c channel_step + taps[t] + vectors[v] + l]
///
/// for k below ChannelShape::channels and l below ChannelShape::lanes.
template <typename T>
struct ChannelSums {
  const T* x;
  std::int64_t channels, channel_step;
  const std::int64_t* taps;
  std::int64_t tap_count;
  const std::int64_t* vectors;
  std::int64_t vector_count;
  const T* w;
  T* y;
};

template <typename T>
struct ChannelShape {
  std::int64_t channels;  ///< output channels of a tile
  std::int64_t lanes;     ///< values of a vector
  void (*run)(const ChannelSums<T>&);
};

/// The kernel for the instruction set in use; T is float or double.
template <typename T>
[[nodiscard]] ChannelShape<T> channel_kernel();

}  // namespace faltung::direct

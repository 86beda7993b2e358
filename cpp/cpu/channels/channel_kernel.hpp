#pragma once

#include <cstdint>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/channels/value_traits.hpp"

/// The vector kernels for sums over many input channels, in plain C++ terms: those of cpu.direct
/// and the products of cpu.gemm.
namespace faltung {

/// Sums for one tile of output channels, over vectors of neighbouring outputs:
///
///     y[k, v, l] = sum over c, t:
///         w[(c tap_count + t) w_step + k w_channel] x[c channel_step + taps[t] + vectors[v] + l]
///
/// for k below ChannelShape::channels and l below ChannelShape::lanes, in the order of c, t.
template <typename T>
struct ChannelSums {
  const T* x;
  std::int64_t channels, channel_step;
  const std::int64_t* taps;
  std::int64_t tap_count;
  const std::int64_t* vectors;
  std::int64_t vector_count;
  std::int64_t last_values;  ///< of the last vector that matter, at least 1
  const T* w;
  std::int64_t w_step, w_channel;
  typename ValueTraits<T>::Sum* y;
  bool adds = false;  ///< the sums, which start at 0 all the same, to what is in y
};

/// Neighbouring values of a row of a panel.
struct PanelPiece {
  std::int64_t to;    ///< in the row
  std::int64_t from;  ///< in the channel, or `zeros`
  std::int64_t count;
  static constexpr std::int64_t zeros = -1;
};

/// Rows of panels, put together from pieces: for every c and t
///
///     y[(c tap_count + t) row_step + to + i] = x[c channel_step + from + i]
///
/// for the pieces from ends[t-1] to ends[t] (0 to ends[0] for the first t). With pairs, c counts
/// pairs of the channels of x, and beside an odd last channel stand zeros.
template <typename T>
struct PanelRows {
  const typename ValueTraits<T>::Element* x;
  std::int64_t channels, channel_step;
  const PanelPiece* pieces;
  const std::int64_t* ends;
  std::int64_t tap_count;
  T* y;
  std::int64_t row_step;
};

/// Rows to be copied.
template <typename T>
struct RowCopies {
  const T* from;
  std::int64_t from_step;
  T* to;
  std::int64_t to_step;
  std::int64_t rows, count;
};

template <typename T>
struct ChannelShape {
  std::int64_t channels;  ///< output channels of a tile
  std::int64_t vectors;   ///< summed at once; fewer at the end of a row
  std::int64_t lanes;     ///< values of a vector
  void (*run)(const ChannelSums<T>&);
  void (*pack)(const PanelRows<T>&);
  /// Stores past the caches, for results too large to stay in them.
  void (*stream)(const RowCopies<typename ValueTraits<T>::Sum>&);
};

/// The kernels for the instruction set in use.
template <typename T>
[[nodiscard]] ChannelShape<T> channel_kernel();
template <>
[[nodiscard]] ChannelShape<float> channel_kernel<float>();
template <>
[[nodiscard]] ChannelShape<double> channel_kernel<double>();
/// Only where has_bfloat16_kernel(). Subnormal elements and sums count as 0 there.
template <>
[[nodiscard]] ChannelShape<BFloat16Pair> channel_kernel<BFloat16Pair>();

/// Only where has_int16_kernel().
template <>
[[nodiscard]] ChannelShape<Int16Pair> channel_kernel<Int16Pair>();

/// Whether the instruction set in use multiplies pairs of bf16: AVX512_BF16.
[[nodiscard]] bool has_bfloat16_kernel();
/// Whether it multiplies pairs of 16-bit integers: all of x86.
[[nodiscard]] inline bool has_int16_kernel() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  if (elsewhere == nullptr) return channel_kernel<Int16Pair>().run != nullptr;
  return elsewhere->instruction_set != "neon";
}

}  // namespace faltung

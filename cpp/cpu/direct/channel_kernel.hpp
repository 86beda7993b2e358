#pragma once

#include <cstdint>

/// The vector kernels for sums over many input channels, in plain C++ terms.
namespace faltung::direct {

/// Sums for one tile of output channels, over vectors of neighbouring outputs:
///
///     y[k, v, l] = sum over c, t:  w[c, t, k] x[c channel_step + taps[t] + vectors[v] + l]
///
/// (or added to y) for k below ChannelShape::channels and l below ChannelShape::lanes.
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
  bool adds = false;  ///< to what is in y; the order of the sum is that of one call for all
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
/// for the pieces from ends[t-1] to ends[t] (0 to ends[0] for the first t).
template <typename T>
struct PanelRows {
  const T* x;
  std::int64_t channels, channel_step;
  const PanelPiece* pieces;
  const std::int64_t* ends;
  std::int64_t tap_count;
  T* y;
  std::int64_t row_step;
};

template <typename T>
struct ChannelShape {
  std::int64_t channels;  ///< output channels of a tile
  std::int64_t vectors;   ///< that are summed at once: this many, while there are
  std::int64_t lanes;     ///< values of a vector
  void (*run)(const ChannelSums<T>&);
  void (*pack)(const PanelRows<T>&);
};

/// The kernels for the instruction set in use; T is float or double.
template <typename T>
[[nodiscard]] ChannelShape<T> channel_kernel();

}  // namespace faltung::direct

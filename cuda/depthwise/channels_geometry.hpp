#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

/// How channels_kernel cuts the work. A word is what a lane holds of a pixel, 4 bytes: one channel
/// of f32 or two of a half type. A tile is an area of outputs times `words` words of channels; its
/// input lies in shared memory pixel by pixel. Sub-tiles, one column of them after the other, are
/// what a thread computes at a time.
struct ChannelsTiling : TileGrid {
  int size = 3;                      ///< of the compiled filter, which holds the problem's
  int stride = 1;                    ///< of both axes
  int words = 32;                    ///< 16 or 32
  int smem_rows = 1, smem_cols = 1;  ///< pixels
  int pitch = 0;                     ///< words between shared rows
  int tile_size = 0;                 ///< words
  int run = 1;                       ///< tiles that a block computes one after the other
  std::int64_t groups = 1;           ///< of channels, for each of which there are tiles
  bool x_vectors =
      false;             ///< pixels of x begin at multiples of 16 bytes, and their channels end so
  bool y_words = false;  ///< those of y of 4 bytes
};

/// Output rows and columns of a sub-tile. A step to the next one along y is 2 or 4 input rows,
/// which `pitch` places 16 banks on: lanes of two sub-tiles then read different ones.
FALTUNG_HOST_DEVICE constexpr int channels_rows(int size, int stride) {
  return stride == 2 || size == 7 ? 2 : 4;
}
inline constexpr int channels_columns = 4;

inline constexpr int channels_threads = 128;

/// Blocks that share a multiprocessor: what the registers of their taps allow.
FALTUNG_HOST_DEVICE constexpr int channels_blocks(int size) { return size == 7 ? 2 : 3; }

}  // namespace faltung::cuda::depthwise

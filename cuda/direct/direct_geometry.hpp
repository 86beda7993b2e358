#pragma once

#include "cuda/primitives/geometry.hpp"

namespace faltung::cuda::direct {

struct Geometry : BatchGeometry {
  bool conjugate = false;  ///< of the taps
};

/// How direct_kernel is cut: a block sums one tile of outputs of one channel of one image, `rows` x
/// `cols` of the two last axes, for a chunk of taps at a time.
struct ChunkTiling : TileGrid {
  int threads_x = 32, threads_y = 8;
  bool folded = false;                 ///< the rows are consecutive pieces of one row
  int chunk_rows = 1, chunk_cols = 1;  ///< taps
  /// A window holds the positions that the outputs of the tile meet with the taps of the chunk,
  /// `step` apart.
  std::int64_t step_y = 1, step_x = 1;
  int window_rows = 1, window_cols = 1;
  int pitch = 1;                         ///< window values between the rows of the tile
  int output_rows = 1, output_cols = 1;  ///< window rows and values between neighbouring outputs
  int tap_rows = 1, tap_cols = 1;        ///< and between neighbouring taps
  int tap_pitch = 1;                     ///< taps are kept in rows of this length
  bool dense = false;                    ///< neighbours in x and w are neighbours in the window
  int window_size = 1, taps_size = 1;

  FALTUNG_HOST_DEVICE constexpr int threads() const { return threads_x * threads_y; }
};

/// The same for sums in the order of cpp/core/order.hpp: chunks follow each other in it, and blocks
/// of so many steps along [input channel, taps of each axis] have partial sums of their own.
struct OrderedTiling : ChunkTiling {
  std::int64_t block[4] = {1, 1, 1, 1};
};

/// Where a tile of it lies: one that is folded lies along a row.
FALTUNG_HOST_DEVICE constexpr TileIndex tile_index(const BatchGeometry& g, const ChunkTiling& t,
                                                   std::int64_t number) {
  TileIndex at = tile_index(g, static_cast<const TileGrid&>(t), number);
  if (t.folded) at.x *= t.rows;
  return at;
}

}  // namespace faltung::cuda::direct

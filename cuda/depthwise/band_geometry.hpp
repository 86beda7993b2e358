#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

/// How band_kernel cuts a plane. Numbers are elements unless they say otherwise.
///
/// A tile of x lies in shared memory as `smem_rows` rows of `halves` pieces of 8 columns, so that
/// ldmatrix takes any piece of any row. Its column 0 is input column `left`, a multiple of 8, to
/// the left of the tile's first output column. Column tile n of 8 outputs begins at shared column
/// 8 n + offset, and its window, 16 steps wide, at 8 n: output column v meets tap s at window
/// column v + s + offset - pad.
struct BandTiling : TileGrid {
  int strip = 1;         ///< output rows of one of the 16 strips: matrix row m holds strip m
  int strip_log2 = 0;    ///< strips are 1, 2 or 4 rows
  int steps = 1;         ///< of 16 window columns
  int offset = 0;        ///< shared column of the first output of column tile 0
  int left = 0;          ///< input column of shared column 0 less the tile's first output column
  int before = 0;        ///< outputs of column tile 0 that lie before the tile
  int stage = 0;         ///< results wait for their store this many columns further right
  int column_tiles = 1;  ///< of 8 outputs
  int strips = 1;        ///< of `rows`
  int smem_rows = 1, halves = 3;
  int pitch = 24;      ///< between shared rows
  int skew = 0;        ///< more after every strip, so that 8 strips lie in different banks
  int tap_pitch = 24;  ///< between the two copies of a filter row
  int tap_size = 0;    ///< of all rows of one filter
  int tile_size = 0;   ///< of one tile of x
  int groups = 1;      ///< of warps, each with a plane of its own
  int group_warps = 1;
  int run = 1;             ///< tiles that a group computes one after the other
  bool folded = false;     ///< the rows are consecutive pieces of one row, `cols` long
  bool x_vectors = false;  ///< rows of x lie so that its pieces are 16 aligned bytes
  bool y_vectors = false;  ///< those of y
};

/// Place of a column of a shared row.
FALTUNG_HOST_DEVICE constexpr int band_place(const BandTiling& t, int row, int column) {
  return row * t.pitch + (row >> t.strip_log2) * t.skew + column;
}

/// The tap at one element of the band matrix: window column `k`, output column `n` of the tile; its
/// index is outside the filter where the band is zero.
FALTUNG_HOST_DEVICE constexpr std::int64_t band_tap(const BandTiling& t, std::int64_t pad, int k,
                                                    int n) {
  return k - n - (t.offset - pad);
}

/// Filter rows lie as bands: index i holds tap i - 7 - (offset - pad), zero beyond the filter, so
/// that element (k, n) of the matrix is index k - n + 7. A second copy, one element further on,
/// makes pairs that start at odd indices aligned words too.
FALTUNG_HOST_DEVICE constexpr int band_length(int steps) { return 16 * steps + 8; }

}  // namespace faltung::cuda::depthwise

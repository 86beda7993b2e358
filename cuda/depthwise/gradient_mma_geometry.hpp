#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

/// How gradient_mma_kernel cuts the filter gradient. Numbers are elements unless they say
/// otherwise; a piece is 8 columns.
///
/// A tile of dy lies in shared memory as `blocks` x 16 rows of y_pitch, that of x with the rows
/// that its taps meet beside it. Column 0 of the shared x is input column 8 `first` to the right
/// of the tile's first column of dy, so that dy piece j meets its taps in x pieces j, j + 1, ...
/// Rows, columns and tiles are those of dy, tiles those of one channel.
struct GradientTiling : TileGrid {
  int blocks = 1;  ///< of 16 rows in a tile
  int planes = 1;  ///< tiles that are loaded together
  int pieces = 1;  ///< of dy in a row
  int first = 0;
  int x_rows = 1, x_pieces = 1;  ///< that hold something; the rest of the memory is zero
  int x_height = 1;              ///< shared rows of x
  int x_pitch = 8, y_pitch = 8;
  int x_size = 0, y_size = 0;    ///< of one tile
  int tap_rows = 1, deltas = 1;  ///< of one warp: filter rows, and x pieces to a piece of dy
  int row_groups = 1, column_groups = 1;
  int warp_groups = 1;  ///< groups of taps that the warps of a block share out; divides the warps
  int grid_groups = 1;  ///< blocks that share out the rest
  int run = 1;          ///< loads of a block
  std::int64_t chunks = 1;  ///< blocks of one channel and one group
  bool folded = false;      ///< the rows are consecutive pieces of one row, `cols` long
  bool x_vectors = false, y_vectors = false;  ///< rows begin at multiples of 16 bytes
};

/// The taps of one warp. Those of column s meet x pieces delta, delta + 1, ... of a piece of dy.
struct GradientTaps {
  int row, rows, column, columns, delta;
};

/// Columns of taps that x pieces `deltas` wide hold for every column of a piece of dy.
FALTUNG_HOST_DEVICE constexpr int gradient_columns(int deltas) { return 8 * (deltas - 1); }

/// Rows and columns are 0 beyond the last group.
FALTUNG_HOST_DEVICE constexpr GradientTaps gradient_group(const Geometry& g,
                                                          const GradientTiling& t, int group) {
  GradientTaps taps{};
  const int filter_rows = static_cast<int>(g.axis[1].filter);
  const int filter_columns = static_cast<int>(g.axis[2].filter);
  const int row_group = group / t.column_groups;
  if (row_group >= t.row_groups) return taps;
  const int column_group = group - row_group * t.column_groups;
  taps.row = row_group * t.tap_rows;
  taps.rows = t.tap_rows < filter_rows - taps.row ? t.tap_rows : filter_rows - taps.row;
  taps.delta = column_group * (t.deltas - 1);
  // Tap s lies s - pad - 8 first columns right of the first x piece; 0 belongs to the first group,
  // every other one to the group of the piece it ends in.
  const int origin = static_cast<int>(g.axis[2].pad_lo) + 8 * t.first;
  const int width = gradient_columns(t.deltas);
  const int begin = column_group == 0 ? 0 : origin + column_group * width + 1;
  const int end = origin + (column_group + 1) * width + 1;
  taps.column = begin > 0 ? begin : 0;
  taps.columns = (end < filter_columns ? end : filter_columns) - taps.column;
  return taps;
}

/// What one block sums: loads [first, last) of channel k, its taps from `group` on.
struct GradientWork {
  std::int64_t k, chunk, first, last;
  int group;
};

FALTUNG_HOST_DEVICE constexpr GradientWork gradient_work(const GradientTiling& t,
                                                         std::int64_t number) {
  GradientWork work{};
  const Quotient group = divide(number, t.grid_groups);
  const Quotient chunk = divide(group.whole, t.chunks);
  work.group = static_cast<int>(group.rest) * t.warp_groups;
  work.chunk = chunk.rest;
  work.k = chunk.whole;
  const std::int64_t loads = (t.tiles + t.planes - 1) / t.planes;
  work.first = work.chunk * t.run;
  work.last = work.first + t.run < loads ? work.first + t.run : loads;
  return work;
}

}  // namespace faltung::cuda::depthwise

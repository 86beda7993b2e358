#pragma once

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/depthwise_kernel.cuh"
#include "cuda/primitives/mma.cuh"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::depthwise {

/// One group of warps at work on one tile.
template <typename T>
struct BandGroup {
  Shared<T> tiles, taps;  ///< two tiles
  int thread, threads;    ///< within the group
};

/// Starts to load a tile of x: pieces of 8 columns, or single elements where they are not aligned.
template <typename T>
__device__ void load_band_tile(const Arguments& a, const BandTiling& t, const PlaneTile& at,
                               const BandGroup<T>& group, Shared<T> tile) {
  const Geometry& g = a.geometry;
  TileSource<T> source{
      a.x.template as<const T>() + (at.b * g.x_batch + g.first_input(at.k) * g.x_channel),
      g.axis,
      static_cast<int>(at.z),
      t.folded ? 0 : static_cast<int>(at.y - g.axis[1].pad_lo),
      at.x + t.left,
      t.folded ? 0 : 1,
      t.folded ? t.cols : 0};
  source.aligned = true;
  source.interior = source.holds(t.smem_rows, t.pitch);
  if (t.x_vectors) {
    load_tile<8, Mapping::inlined, Zeros::copied>(
        source, t.smem_rows, t.halves, group.thread, group.threads,
        [&](int row, int half) { return tile + band_place(t, row, 8 * half); });
  } else {
    load_tile<1, Mapping::inlined, Zeros::mapped>(
        source, t.smem_rows, t.pitch, group.thread, group.threads,
        [&](int row, int column) { return tile + band_place(t, row, column); });
  }
}

/// The filter of channel k as bands; see band_length.
template <typename T>
__device__ void load_band_taps(const Arguments& a, const BandTiling& t, std::int64_t k,
                               const BandGroup<T>& group) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ax = g.axis[2];
  const Global<const T> w = a.w.template as<const T>() + (g.w_origin + k * g.w_channel);
  const int length = band_length(t.steps);
  for (int row = group.thread / 32; row < g.axis[1].filter; row += group.threads / 32) {
    for (int index = group.thread % 32; index < length; index += 32) {
      const std::int64_t s = band_tap(t, ax.pad_lo, index, 7);
      const std::int64_t within = min(max(s, std::int64_t{0}), ax.filter - 1);
      T tap = w[row * g.axis[1].w_stride + within * ax.w_stride];
      if (s != within) tap = T{};
      group.taps[row * 2 * t.tap_pitch + index] = tap;
      if (index > 0) group.taps[(row * 2 + 1) * t.tap_pitch + index - 1] = tap;
    }
  }
}

/// What one warp reads: columns from tile `first` on, in rows of its lane's strip.
template <typename T, int steps>
struct BandLane {
  static constexpr int pieces = band_columns + 2 * steps - 1;

  Shared<T> tile;
  Shared<const std::uint32_t> taps;
  int strip;                    ///< matrix rows past the last strip repeat it, and are not stored
  int place[(pieces + 1) / 2];  ///< likewise columns past the last piece
  int active;                   ///< tiles of columns

  __device__ __forceinline__ BandLane(const BandTiling& t, int first, Shared<T> x, Shared<T> w)
      : tile(x), active(min(band_columns, t.column_tiles - first)) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    strip = min(lane % 16, t.strips - 1);
#pragma unroll
    for (int i = 0; i < (pieces + 1) / 2; ++i) {
      place[i] = 8 * min(first + 2 * i + lane / 16, t.halves - 1);
    }
    const int odd = (lane / 4 + 1) % 2;  // of the index of the first tap of this lane
    taps = (w + (odd * t.tap_pitch + 2 * (lane % 4) - lane / 4 + 7 - odd))
               .template as<const std::uint32_t>();
  }
};

/// Taps of the output rows of a strip, as bands: those of row p are filter row `row` - p.
template <int strip, int steps>
struct Bands {
  std::uint32_t of[strip][2 * steps];

  /// Those of the next input row: filter row `row` for output row 0, if there is one.
  template <typename Lane>
  __device__ __forceinline__ void next(const BandTiling& t, const Lane& lane, int row, bool more) {
#pragma unroll
    for (int p = strip - 1; p > 0; --p) {
#pragma unroll
      for (int k = 0; k < 2 * steps; ++k) of[p][k] = of[p - 1][k];
    }
    if (!more) return;
#pragma unroll
    for (int k = 0; k < 2 * steps; ++k) of[0][k] = lane.taps[row * t.tap_pitch + 4 * k];
  }
};

/// Pieces of one input row of every strip, two registers each.
template <typename T, int strip, int steps>
struct BandRow {
  static constexpr int pieces = BandLane<T, steps>::pieces;
  std::uint32_t x[pieces + 1][2];

  __device__ __forceinline__ BandRow(const BandTiling& t, const BandLane<T, steps>& lane, int row) {
    const int place = (lane.strip * strip + row) * t.pitch + (lane.strip + row / strip) * t.skew;
#pragma unroll
    for (int i = 0; i < (pieces + 1) / 2; ++i) {
      std::uint32_t two[4];
      load_matrix(two, lane.tile + (place + lane.place[i]));
      x[2 * i][0] = two[0];
      x[2 * i][1] = two[1];
      x[2 * i + 1][0] = two[2];
      x[2 * i + 1][1] = two[3];
    }
  }

  /// To output rows [first, last) of the strips. An operand is four registers in a row, a piece and
  /// the next, and is formed once for all of them.
  __device__ __forceinline__ void add(int first, int last, const Bands<strip, steps>& band,
                                      float (&sum)[strip][band_columns][4]) const {
#pragma unroll
    for (int piece = 0; piece < pieces; ++piece) {
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        const int n = piece - 2 * k;
        if (n < 0 || n >= band_columns) continue;
#pragma unroll
        for (int p = 0; p < strip; ++p) {
          if (p >= first && p < last) add_one(piece, band.of[p], k, sum[p][n]);
        }
      }
    }
  }
  __device__ __forceinline__ void add_one(int piece, const std::uint32_t (&band)[2 * steps], int k,
                                          float (&sum)[4]) const {
    mma_m16n8k16<T>(sum, {x[piece][0], x[piece][1], x[piece + 1][0], x[piece + 1][1]},
                    {band[2 * k], band[2 * k + 1]});
  }
};

/// Sums of one warp: `strip` rows of each of 16 strips, band_columns tiles of 8 columns. Of the
/// first and last strip - 1 input rows of a strip not all of its output rows have a part; which do
/// the code knows, but for filters of few rows and warps with idle columns.
template <typename T, int strip, int steps>
__device__ __forceinline__ void sum_band(const BandTiling& t, int filter_rows, int first_tile,
                                         Shared<T> tile, Shared<T> taps,
                                         float (&sum)[strip][band_columns][4]) {
  const BandLane<T, steps> lane(t, first_tile, tile, taps);
  Bands<strip, steps> band{};
  if (lane.active == band_columns && filter_rows >= strip - 1) {
#pragma unroll
    for (int row = 0; row < strip - 1; ++row) {
      band.next(t, lane, row, true);
      BandRow<T, strip, steps>(t, lane, row).add(0, row + 1, band, sum);
    }
#pragma unroll 1
    for (int row = strip - 1; row < filter_rows; ++row) {
      band.next(t, lane, row, true);
      BandRow<T, strip, steps>(t, lane, row).add(0, strip, band, sum);
    }
#pragma unroll
    for (int past = 0; past < strip - 1; ++past) {
      band.next(t, lane, 0, false);
      BandRow<T, strip, steps>(t, lane, filter_rows + past).add(past + 1, strip, band, sum);
    }
    return;
  }
#pragma unroll 1
  for (int row = 0; row < filter_rows + strip - 1; ++row) {
    band.next(t, lane, row, row < filter_rows);
    const BandRow<T, strip, steps> x(t, lane, row);
#pragma unroll
    for (int p = 0; p < strip; ++p) {
      if (row < p || row - p >= filter_rows) continue;
#pragma unroll
      for (int n = 0; n < band_columns; ++n) {
        if (n >= lane.active) continue;
#pragma unroll
        for (int k = 0; k < steps; ++k) x.add_one(n + 2 * k, band.of[p], k, sum[p][n]);
      }
    }
  }
}

/// Blocks that share a multiprocessor: what their registers allow.
constexpr int band_blocks(int strip, int steps) {
  return strip * steps == 1 ? 6 : strip * steps > 6 ? 3 : 4;
}

/// Results of one warp into the tile, where their inputs were.
template <typename T, int strip>
__device__ __forceinline__ void stage_band(const Arguments& a, const BandTiling& t, std::int64_t k,
                                           int first_tile, Shared<T> tile,
                                           const float (&sum)[strip][band_columns][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const double bias = load_bias(a.epilogue, k);
#pragma unroll
  for (int p = 0; p < strip; ++p) {
#pragma unroll
    for (int n = 0; n < band_columns; ++n) {
      if (first_tile + n >= t.column_tiles) continue;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int m = lane / 4 + 8 * half;
        if (m >= t.strips) continue;
        const int column = 8 * (first_tile + n) + t.stage - t.before + 2 * (lane % 4);
        (tile + band_place(t, m * strip + p, column)).template as<std::uint32_t>()[0] =
            pack(light_result<T>(a.epilogue, sum[p][n][2 * half], bias),
                 light_result<T>(a.epilogue, sum[p][n][2 * half + 1], bias));
      }
    }
  }
}

/// The staged tile into y.
template <typename T>
__device__ void store_band_tile(const Arguments& a, const BandTiling& t, const PlaneTile& at,
                                const BandGroup<T>& group, Shared<T> tile) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const int rows =
      t.folded ? t.rows : static_cast<int>(min(std::int64_t{t.rows}, ay.output - at.y));
  const std::int64_t row_step = t.folded ? t.cols : ay.y_stride;
  // Of a row, from that one of the tile on, as many as are left.
  const int left = static_cast<int>(min(g.axis[2].output - at.x, std::int64_t{16} * t.cols));
  const int between = t.folded ? t.cols : 0;
  const Global<T> y =
      a.y.template as<T>() + (at.b * g.y_batch + at.k * g.y_channel + at.z * g.axis[0].y_stride +
                              at.y * ay.y_stride + at.x);
  if (!t.y_vectors) {
    for (int i = group.thread; i < rows * t.cols; i += group.threads) {
      const int row = i / t.cols;
      const int column = i - row * t.cols;
      if (column >= left - row * between) continue;
      y[row * row_step + column] = tile[band_place(t, row, column + t.stage)];
    }
    return;
  }
  // 8 lanes read one wavefront: rows of 5 to 8 pieces leave some idle rather than collide.
  const int pieces = (t.cols + 7) / 8;
  const int lanes = pieces > 4 ? (pieces + 7) / 8 * 8 : pieces;
  Cells cell(group.thread, group.threads, lanes);
  Global<T> to = y + (cell.row * row_step + 8 * cell.column);
  const std::int64_t step = cell.rows_on() * row_step + 8 * cell.columns_on();
  const std::int64_t wrap = row_step - 8 * lanes;
#pragma unroll 1
  while (cell.row < rows) {
    const int column = 8 * cell.column;
    const int count = min(t.cols, left - cell.row * between) - column;
    const Shared<T> from = tile + band_place(t, cell.row, column + t.stage);
    if (count >= 8) {
      to.template as<std::uint32_t>().template store<4>(
          0, from.template as<const std::uint32_t>().template load<4>(0));
    } else {
#pragma unroll 1
      for (int v = 0; v < count; ++v) to[v] = from[v];
    }
    to = to + step;
    if (cell.next()) to = to + wrap;
  }
}

/// Planes of f16 or bf16, stride 1: every filter row is a banded matrix of 16 steps x 8 elements,
/// so that a tile of 16 x 8 outputs is a sum of `steps` mma.sync for each row of the filter. Matrix
/// row m is row p of strip m of the tile; the strips are `strip` rows high, so that one load of x
/// serves the outputs of `strip` filter rows, and column tiles share their pieces of 8 columns.
/// Products of two 11-bit (8-bit) significands are exact; sums are formed in f32 by the tensor
/// cores.
///
/// A group of warps works on one tile at a time while the next is on its way; results are staged
/// where their inputs were and leave in whole 16-byte pieces. A single row is folded: its strips
/// are consecutive pieces of it.
///
///   grid    x: blocks of t.groups x t.run tiles, in the order of band_tile
///   block   32 x band_warps
///   shared  t.groups x band_group_size(t) elements
///
/// What a tile costs (R filter rows, C column tiles, H = C + 2 steps - 1 pieces):
///
///   memory      x and y once; between tiles of a plane R - 1 rows and 8 to 16 steps columns again
///   wavefronts  H / 8 a row loaded; for each of R + strip - 1 rows and 4 column tiles
///               4 ceil((4 + 2 steps - 1) / 2) for x and 2 steps for the band; 2 strip C staged; C
///               / 8 a row stored
///   mma         R strip C steps, of which S / (16 steps) is useful
template <typename T, int strip, int steps>
__global__ void __launch_bounds__(32 * band_warps, band_blocks(strip, steps))
    band_kernel(const __grid_constant__ Arguments a, const __grid_constant__ BandTiling t) {
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const int size = 2 * t.tile_size + t.tap_size;
  const Shared<T> shared = memory.take<T>(t.groups * size);
  BandGroup<T> group;
  group.threads = 32 * t.group_warps;
  const int number = static_cast<int>(threadIdx.x) / group.threads;
  group.thread = static_cast<int>(threadIdx.x) % group.threads;
  group.tiles = shared + number * size;
  group.taps = group.tiles + 2 * t.tile_size;
  const int first_tile = group.thread / 32 * band_columns;
  const std::int64_t first = (std::int64_t{blockIdx.x} * t.groups + number) * t.run;
  const int runs =
      static_cast<int>(max(std::int64_t{0}, min(std::int64_t{t.run}, t.tiles - first)));
  if (runs > 0) {
    const PlaneTile at = plane_tile(g, t, first);
    load_band_taps(a, t, at.k, group);
    load_band_tile(a, t, at, group, group.tiles);
  }
  copy_async_commit();
  // All groups pass all barriers, also those that have nothing left to do.
#pragma unroll 1
  for (int i = 0; i < t.run; ++i) {
    const Shared<T> tile = group.tiles + i % 2 * t.tile_size;
    copy_async_wait<0>();
    __syncthreads();  // the tile is there, and the one before has left
    if (i + 1 < runs) {
      load_band_tile(a, t, plane_tile(g, t, first + i + 1), group,
                     group.tiles + (i + 1) % 2 * t.tile_size);
    }
    copy_async_commit();
    float sum[strip][band_columns][4] = {};
    const bool works = i < runs && first_tile < t.column_tiles;
    if (works) {
      sum_band<T, strip, steps>(t, static_cast<int>(g.axis[1].filter), first_tile, tile, group.taps,
                                sum);
    }
    __syncthreads();  // the inputs have been read
    // Where the tile lies is found again: kept, it would take registers from the sums.
    const PlaneTile at = plane_tile(g, t, first + i);
    if (works) stage_band<T, strip>(a, t, at.k, first_tile, tile, sum);
    if (i + 1 < runs) {
      const std::int64_t k = plane_tile(g, t, first + i + 1).k;
      if (k != at.k) load_band_taps(a, t, k, group);
    }
    __syncthreads();
    if (i < runs) store_band_tile(a, t, at, group, tile);
  }
}

}  // namespace faltung::cuda::depthwise

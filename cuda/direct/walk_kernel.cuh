#pragma once

#include "cuda/direct/direct_kernel.cuh"

namespace faltung::cuda::direct {

/// What a lane reads of one input row: its own columns, and for the first and last lane of the
/// warp the columns beyond.
template <typename Acc>
struct WalkRow {
  Acc own[walk_columns], halo[walk_columns];
};

/// The boundary map of one strip, made once, kept in shared memory: where the rows beyond the first
/// and last lie, and the columns of every lane that reaches beyond the ends of a row.
struct WalkMap {
  Shared<std::int64_t> rows;  ///< 2 half: half rows above, half rows below; offsets, or a code
  Shared<int> columns;        ///< of this lane, 32 apart: own and beyond; indices, or a code
};
inline constexpr int map_nothing = -1, map_below = -2, map_above = -3;

/// A place as WalkMap keeps it.
__device__ __forceinline__ std::int64_t map_code(const AxisGeometry& axis, const Place& place) {
  if (place.what == Stands::element) return place.offset;
  if (place.what != Stands::constant) return map_nothing;
  return place.side == &axis.below ? map_below : map_above;
}

template <typename Acc>
__device__ __forceinline__ Acc map_constant(const AxisGeometry& axis, std::int64_t code) {
  if (code == map_nothing) return Acc{};
  return constant_of<Acc>(code == map_below ? axis.below : axis.above);
}

/// The task of one warp: a strip of walk_strip columns, tiling.rows outputs high.
template <typename Acc>
struct Walk {
  Global<const Acc> x;  ///< the first column of this lane in row 0
  Global<Acc> y;        ///< its first output
  int lane;
  int column;      ///< of x and y
  int beyond;      ///< from x to the columns beyond the warp: lanes 0 and 31 alone need them
  bool own_edge;   ///< own columns reach beyond the ends of the rows
  bool halo_edge;  ///< those beyond the warp do
  WalkMap map;
};

/// `walk_columns` neighbours, in whole 16-byte accesses.
template <typename Acc>
__device__ __forceinline__ void load_columns(Global<const Acc> x, std::int64_t at,
                                             Acc (&to)[walk_columns]) {
  constexpr int wide = static_cast<int>(16 / sizeof(Acc));
#pragma unroll
  for (int v = 0; v < walk_columns; v += wide) {
    const auto vector = x.template load<wide>(at + v);
#pragma unroll
    for (int i = 0; i < wide; ++i) to[v + i] = vector[i];
  }
}

/// Row `y` of the input, which may lie `half` rows outside.
template <int half, typename Acc>
__device__ __forceinline__ void load_row(const Arguments& a, const Walk<Acc>& walk, std::int64_t y,
                                         WalkRow<Acc>& row) {
  const AxisGeometry& ay = a.geometry.axis[1];
  std::int64_t offset = y * ay.x_stride;
  if (y < 0) offset = walk.map.rows[static_cast<int>(y) + half];
  if (y >= ay.input) offset = walk.map.rows[half + static_cast<int>(y - ay.input)];
  if (offset < 0) {
    const Acc value = map_constant<Acc>(ay, offset);
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) row.own[v] = row.halo[v] = value;
    return;
  }
  const auto load = [&](Acc(&to)[walk_columns], bool edge, int from, int map) {
    if (!edge) {
      load_columns(walk.x, offset + from, to);
      return;
    }
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) {
      const int column = walk.map.columns[32 * (map + v)];
      to[v] = column >= 0 ? walk.x[offset + (column - walk.column)]
                          : map_constant<Acc>(a.geometry.axis[2], column);
    }
  };
  load(row.own, walk.own_edge, 0, 0);
  if (walk.beyond != 0) load(row.halo, walk.halo_edge, walk.beyond, walk_columns);
}

/// One input row with its neighbours: columns -half to walk_columns + half.
template <int half, typename Acc>
__device__ __forceinline__ void join_neighbours(const WalkRow<Acc>& row, int lane,
                                                Acc (&x)[walk_columns + 2 * half]) {
  constexpr unsigned all = 0xffffffffu;
  constexpr int last = walk_columns - half;
#pragma unroll
  for (int v = 0; v < walk_columns; ++v) x[half + v] = row.own[v];
#pragma unroll
  for (int i = 0; i < half; ++i) {
    const Acc left = __shfl_up_sync(all, row.own[last + i], 1);
    const Acc right = __shfl_down_sync(all, row.own[i], 1);
    x[i] = lane == 0 ? row.halo[last + i] : left;
    x[half + walk_columns + i] = lane == 31 ? row.halo[i] : right;
  }
}

/// Stores one output row of the lane, `columns` of it.
template <typename Acc>
__device__ __forceinline__ void store_row(Global<Acc> y, int columns,
                                          const Acc (&sum)[walk_columns]) {
  constexpr int wide = static_cast<int>(16 / sizeof(Acc));
  if (columns < walk_columns) {
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) {
      if (v < columns) y[v] = sum[v];
    }
    return;
  }
#pragma unroll
  for (int v = 0; v < walk_columns; v += wide) {
    Vec<Acc, wide> vector;
#pragma unroll
    for (int i = 0; i < wide; ++i) vector[i] = sum[v + i];
    y.template store<wide>(v, vector);
  }
}

/// Starts a walk: its pointers and its map.
template <int half, typename Acc>
__device__ __forceinline__ Walk<Acc> start_walk(const Arguments& a, const TileIndex& at,
                                                const WalkMap& map) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  Walk<Acc> walk;
  walk.map = map;
  walk.lane = static_cast<int>(threadIdx.x);
  walk.beyond = walk.lane == 0 ? -walk_columns : walk.lane == 31 ? walk_columns : 0;
  walk.column = static_cast<int>(at.x) + walk.lane * walk_columns;
  const auto outside_row = [&](int column) {
    return column < 0 || column + walk_columns > ax.input;
  };
  walk.own_edge = outside_row(walk.column);
  walk.halo_edge = outside_row(walk.column + walk.beyond);
  const std::int64_t channel =
      at.x_image + at.k / g.group_outputs * g.x_channel + at.z * g.axis[0].x_stride;
  walk.x = a.x.template as<const Acc>() + (channel + walk.column);
  walk.y = a.y.template as<Acc>() + (at.y_image + at.k * g.y_channel + at.z * g.axis[0].y_stride +
                                     at.y * ay.y_stride + walk.column);
  __syncwarp();  // the walk before has read its map
  if (walk.lane < 2 * half) {
    const std::int64_t y = walk.lane < half ? walk.lane - half : ay.input + (walk.lane - half);
    map.rows[walk.lane] = map_code(ay, place_along(ay, Place{}, y));
  }
#pragma unroll 1
  for (int v = 0; v < 2 * walk_columns; ++v) {
    if (!(v < walk_columns ? walk.own_edge : walk.halo_edge)) continue;
    const std::int64_t x =
        std::int64_t{walk.column} + (v < walk_columns ? v : v - walk_columns + walk.beyond);
    map.columns[32 * v] = static_cast<int>(map_code(ax, place_along(ax, Place{}, x)));
  }
  __syncwarp();
  return walk;
}

/// Sums that an infinite tap spoilt where nothing stands are formed again, by the definition.
template <typename Acc>
__device__ __noinline__ void mend(const Arguments& a, const TileIndex& at, Global<Acc> y,
                                  int outputs, int columns) {
  const std::int64_t column = at.x + static_cast<int>(threadIdx.x) * walk_columns;
#pragma unroll 1
  for (int i = 0; i < outputs * columns; ++i) {
    const int row = i / columns;
    const int v = i % columns;
    const std::int64_t to = row * a.geometry.axis[1].y_stride + v;
    const Acc value = y[to];
    if (!is_finite(value)) y[to] = sum_of_terms<Acc>(a, at, at.y + row, column + v);
  }
}

/// Direct convolution by one filter of size x size taps, `same` in both axes, one input channel for
/// each output, without epilogue. A warp walks down a strip; a lane owns walk_columns neighbouring
/// columns and keeps `size` partial sums of each, so that every input is read once and every output
/// stored once. Rows come from memory walk_ahead rows before they are needed; neighbours' columns
/// by shuffles; taps stay in registers.
///
///   grid    x: groups of walk_warps strips in the order of tile_index, as often as needed
///   block   32 x walk_warps
template <typename Acc, int size>
__global__ void __launch_bounds__(32 * walk_warps, walk_blocks(size, sizeof(Acc)))
    walk_kernel(const __grid_constant__ Arguments a) {
  constexpr int half = size / 2;
  constexpr int ahead_rows = sizeof(Acc) == 4 ? walk_ahead : walk_ahead - 1;
  FALTUNG_SHARED(std::int64_t, map_rows, walk_warps * 2 * half);
  FALTUNG_SHARED(int, map_columns, walk_warps * 32 * 2 * walk_columns);
  const int warp = static_cast<int>(threadIdx.y);
  const WalkMap map{map_rows + warp * 2 * half,
                    map_columns + warp * 32 * 2 * walk_columns + static_cast<int>(threadIdx.x)};
  const AxisGeometry& ay = a.geometry.axis[1];
  for (std::int64_t number = std::int64_t{blockIdx.x} * walk_warps + warp; number < a.tiling.tiles;
       number += std::int64_t{gridDim.x} * walk_warps) {
    const TileIndex at = tile_index(a.geometry, a.tiling, number);
    const Walk<Acc> walk = start_walk<half, Acc>(a, at, map);
    Acc w[size][size];
#pragma unroll
    for (int r = 0; r < size; ++r) {
#pragma unroll
      for (int s = 0; s < size; ++s) w[r][s] = tap_at<Acc>(a, at.k, 0, 0, r, s);
    }
    const std::int64_t columns_left = a.geometry.axis[2].output - walk.column;
    const int columns =
        static_cast<int>(max(std::int64_t{0}, min(std::int64_t{walk_columns}, columns_left)));
    const int outputs = static_cast<int>(min(std::int64_t{a.tiling.rows}, ay.output - at.y));
    const int rows = outputs + size - 1;
    const std::int64_t top = at.y - half;
    WalkRow<Acc> ahead[ahead_rows];
#pragma unroll
    for (int i = 0; i < ahead_rows; ++i) load_row<half>(a, walk, top + i, ahead[i]);
    Acc sum[size][walk_columns] = {};
    Acc checked{};  // stays 0 while all sums are finite
    Global<Acc> y = walk.y;
    for (int first = 0; first < rows; first += size) {
#pragma unroll
      for (int phase = 0; phase < size; ++phase) {
        const int i = first + phase;
        if (i >= rows) break;
        Acc x[walk_columns + 2 * half];
        join_neighbours<half>(ahead[0], walk.lane, x);
#pragma unroll
        for (int j = 0; j + 1 < ahead_rows; ++j) ahead[j] = ahead[j + 1];
        if (i + ahead_rows < rows) {
          load_row<half>(a, walk, top + i + ahead_rows, ahead[ahead_rows - 1]);
        }
#pragma unroll
        for (int r = 0; r < size; ++r) {  // output row i - r
          Acc(&to)[walk_columns] = sum[(phase - r + size) % size];
#pragma unroll
          for (int v = 0; v < walk_columns; ++v) {
            if (r == 0) to[v] = Acc{};
#pragma unroll
            for (int s = 0; s < size; ++s) to[v] = multiply_add(w[r][s], x[v + s], to[v]);
          }
        }
        if (i < size - 1) continue;
        const Acc(&done)[walk_columns] = sum[(phase + 1) % size];
        store_row(y, columns, done);
        y = y + ay.y_stride;
#pragma unroll
        for (int v = 0; v < walk_columns; ++v) checked += done[v] - done[v];
      }
    }
    const bool framed = walk.column < half ||
                        walk.column + walk_columns + half > a.geometry.axis[2].input || top < 0 ||
                        top + rows > ay.input;
    if (framed && checked != 0) mend(a, at, walk.y, outputs, columns);
  }
}

}  // namespace faltung::cuda::direct

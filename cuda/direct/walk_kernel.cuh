#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/walk_policy.hpp"
#include "cuda/primitives/boundary_code.cuh"

namespace faltung::cuda::direct {

/// walk_columns neighbours of an input row as they lie in memory. Elements narrower than a word
/// stay packed until they are needed: to unpack them is to wait for them.
template <typename In>
struct WalkVector {
  using Word = std::conditional_t<(sizeof(In) < 4), std::uint32_t, In>;
  static constexpr int per_word = static_cast<int>(sizeof(Word) / sizeof(In));
  static constexpr int words = walk_columns / per_word;
  Word word[words];

  __device__ __forceinline__ void set(int v, In value) {
    if constexpr (per_word == 1) {
      word[v] = value;
    } else {
      constexpr int bits = 8 * static_cast<int>(sizeof(In));
      const int shift = v % per_word * bits;
      const Word mask = ((Word{1} << bits) - 1) << shift;
      word[v / per_word] = (word[v / per_word] & ~mask) | static_cast<Word>(value) << shift;
    }
  }
  /// Element v; `sign` is the highest bit of a signed narrow type, else 0.
  template <typename Acc>
  __device__ __forceinline__ Acc get(int v, int sign) const {
    if constexpr (per_word == 1) {
      return word[v];
    } else {
      constexpr int bits = 8 * static_cast<int>(sizeof(In));
      const Word raw = word[v / per_word] >> (v % per_word * bits) & ((Word{1} << bits) - 1);
      return static_cast<Acc>((static_cast<int>(raw) ^ sign) - sign);
    }
  }
};

/// What a lane reads of one input row: its own columns, and for the first and last lane of the
/// warp the columns beyond.
template <typename In>
struct WalkRow {
  WalkVector<In> own, halo;
};

/// The boundary map of one strip, made once, kept in shared memory: where the rows that lie outside
/// the input are, and the columns of every lane that reaches beyond the ends of a row.
struct WalkMap {
  Shared<std::int64_t> rows;  ///< of those outside alone; offsets, or a code
  Shared<int> columns;        ///< of this lane, 32 apart: own and beyond; indices, or a code
};

/// The task of one warp: a strip of walk_strip columns, t.rows outputs high.
template <typename In>
struct Walk {
  Global<const In> x;  ///< the first column of this lane in row 0
  int lane;
  int column;        ///< of x
  int beyond;        ///< from x to the columns beyond the warp: lanes 0 and 31 alone need them
  bool own_edge;     ///< own columns reach beyond the ends of the rows
  bool halo_edge;    ///< those beyond the warp do
  std::int64_t top;  ///< the input row of row 0 of the strip
  WalkMap map;
};

/// `walk_columns` neighbours, in whole accesses of up to 16 bytes; `general`: if their alignment
/// allows.
template <bool general, typename In>
__device__ __forceinline__ void load_columns(Global<const In> x, WalkVector<In>& to) {
  using Word = typename WalkVector<In>::Word;
  constexpr int words = WalkVector<In>::words;
  constexpr int wide = static_cast<int>(words * sizeof(Word) > 16 ? 16 / sizeof(Word) : words);
  if (general && !is_aligned(x, wide * sizeof(Word))) {
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) to.set(v, x[v]);
    return;
  }
#pragma unroll
  for (int v = 0; v < words; v += wide) {
    const auto vector = x.template as<const Word>().template load<wide>(v);
#pragma unroll
    for (int i = 0; i < wide; ++i) to.word[v + i] = vector[i];
  }
}

/// Row `i` of the strip, which may lie outside the input.
template <bool general, typename In>
__device__ __forceinline__ void load_row(const Arguments& a, const Walk<In>& walk, int i,
                                         WalkRow<In>& row) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const std::int64_t y = walk.top + i;
  std::int64_t offset = y * ay.x_stride;
  if (y < 0 || y >= ay.input) offset = walk.map.rows[i];
  if (offset < 0) {
    const In value = map_constant<In>(ay, offset);
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) {
      row.own.set(v, value);
      row.halo.set(v, value);
    }
    return;
  }
  const auto load = [&](WalkVector<In>& to, bool edge, int from, int map) {
    if (!edge) {
      load_columns<general>(walk.x + (offset + from), to);
      return;
    }
#pragma unroll
    for (int v = 0; v < walk_columns; ++v) {
      const int column = walk.map.columns[32 * (map + v)];
      to.set(v, column >= 0 ? walk.x[offset + (column - walk.column)]
                            : map_constant<In>(a.geometry.axis[2], column));
    }
  };
  load(row.own, walk.own_edge, 0, 0);
  if (walk.beyond != 0) load(row.halo, walk.halo_edge, walk.beyond, walk_columns);
}

/// One input row with its neighbours: columns -half to walk_columns + half.
template <int half, typename Acc, typename In>
__device__ __forceinline__ void join_neighbours(const WalkRow<In>& row, int lane, int sign,
                                                Acc (&x)[walk_columns + 2 * half]) {
  constexpr unsigned all = 0xffffffffu;
  constexpr int last = walk_columns - half;
#pragma unroll
  for (int v = 0; v < walk_columns; ++v) x[half + v] = row.own.template get<Acc>(v, sign);
#pragma unroll
  for (int i = 0; i < half; ++i) {
    const Acc left = __shfl_up_sync(all, x[half + last + i], 1);
    const Acc right = __shfl_down_sync(all, x[half + i], 1);
    x[i] = lane == 0 ? row.halo.template get<Acc>(last + i, sign) : left;
    x[half + walk_columns + i] = lane == 31 ? row.halo.template get<Acc>(i, sign) : right;
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

/// Puts one row of sums where finish_rows looks for them.
template <typename Acc>
__device__ __forceinline__ void stage_row(Shared<Acc> stage, int lane,
                                          const Acc (&sum)[walk_columns]) {
  constexpr int wide = static_cast<int>(16 / sizeof(Acc));
#pragma unroll
  for (int v = 0; v < walk_columns; v += wide) {
    Vec<Acc, wide> vector;
#pragma unroll
    for (int i = 0; i < wide; ++i) vector[i] = sum[v + i];
    stage.template store<wide>(lane * walk_columns + v, vector);
  }
}

/// Stores staged rows first to last - 1 of the outputs of a strip, row `first` at `stage`, whatever
/// their alignment and type, through the epilogue. A function of its own, so that the walk keeps
/// its registers.
template <typename Acc>
__device__ __noinline__ void finish_rows(const Arguments& a, const TileIndex& at, bool framed,
                                         int first, int last, Shared<Acc> stage) {
  __syncwarp();
  const Geometry& g = a.geometry;
  const AxisGeometry& ax = g.axis[2];
  const int count = static_cast<int>(min(std::int64_t{walk_strip}, ax.output - at.x));
#pragma unroll 1
  for (int row = max(first, 0); row < last; ++row) {
    const std::int64_t y = at.y_image + at.z * g.axis[0].y_stride +
                           (at.y + row) * g.axis[1].y_stride + at.x * ax.y_stride;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) {
      Acc value = stage[(row - first) * walk_strip + i];
      if constexpr (!std::is_integral_v<Acc>) {
        if (framed && !is_finite(value)) value = sum_of_terms<Acc>(a, at, at.y + row, at.x + i);
      }
      finish_element(a.epilogue, value, at.k, a.y, a.y_type, y + i * ax.y_stride);
    }
  }
  __syncwarp();  // the stage has been read
}

/// Starts a walk: its pointers and its map.
template <int half, typename In>
__device__ __forceinline__ Walk<In> start_walk(const Arguments& a, const TileIndex& at, int rows,
                                               const WalkMap& map) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  Walk<In> walk;
  walk.map = map;
  walk.lane = static_cast<int>(threadIdx.x);
  walk.beyond = walk.lane == 0 ? -walk_columns : walk.lane == 31 ? walk_columns : 0;
  walk.column = static_cast<int>(at.x - ax.pad_lo) + half + walk.lane * walk_columns;
  walk.top = at.y - ay.pad_lo;
  const auto outside_row = [&](int column) {
    return column < 0 || column + walk_columns > ax.input;
  };
  walk.own_edge = outside_row(walk.column);
  walk.halo_edge = outside_row(walk.column + walk.beyond);
  walk.x = a.x.template as<const In>() + (at.x_image + at.z * g.axis[0].x_stride + walk.column);
  __syncwarp();  // the walk before has read its map
#pragma unroll 1
  for (int i = walk.lane; i < rows; i += 32) {
    const std::int64_t y = walk.top + i;
    if (y >= 0 && y < ay.input) continue;
    const std::int64_t index = map_index(ay, y);
    map.rows[i] = index < 0 ? index : index * ay.x_stride;
  }
#pragma unroll 1
  for (int v = 0; v < 2 * walk_columns; ++v) {
    if (!(v < walk_columns ? walk.own_edge : walk.halo_edge)) continue;
    const std::int64_t x =
        std::int64_t{walk.column} + (v < walk_columns ? v : v - walk_columns + walk.beyond);
    map.columns[32 * v] = static_cast<int>(map_index(ax, x));
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

/// Direct convolution by one filter of size x size taps, one input channel for each output. A warp
/// walks down a strip; a lane owns walk_columns neighbouring columns and keeps `size` partial sums
/// of each, so that every input is read once and every output stored once. Rows come from memory
/// walk_ahead rows before they are needed; neighbours' columns by shuffles; taps stay in registers.
/// Elements of the input are In: accumulators, or integers of one or two bytes. Unless `general`,
/// its vectors are aligned and the sums are stored as they are.
///
///   grid    x: groups of walk_warps strips in the order of tile_index, as often as needed
///   block   32 x walk_warps
template <typename Acc, typename In, int size, bool general>
__global__ void __launch_bounds__(32 * walk_warps, walk_blocks(size, sizeof(Acc), general))
    walk_kernel(const __grid_constant__ Arguments a, const __grid_constant__ WalkTiling t) {
  constexpr int half = size / 2;
  constexpr int ahead_rows = sizeof(Acc) == 4 ? walk_ahead : walk_ahead - 1;
  constexpr int map_size = walk_rows + size - 1;
  FALTUNG_SHARED(std::int64_t, map_rows, walk_warps * map_size);
  FALTUNG_SHARED(int, map_columns, walk_warps * 32 * 2 * walk_columns);
  FALTUNG_SHARED(Acc, stages, general ? walk_warps * size * walk_strip : 1);
  const int warp = static_cast<int>(threadIdx.y);
  const WalkMap map{map_rows + warp * map_size,
                    map_columns + warp * 32 * 2 * walk_columns + static_cast<int>(threadIdx.x)};
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const Shared<Acc> stage = stages + (general ? warp * size * walk_strip : 0);
  const int sign = a.x_type == DType::i16 ? 0x8000 : a.x_type == DType::i8 ? 0x80 : 0;
  for (std::int64_t number = std::int64_t{blockIdx.x} * walk_warps + warp; number < t.tiles;
       number += std::int64_t{gridDim.x} * walk_warps) {
    const TileIndex at = tile_index(a.geometry, t, number);
    const int outputs = static_cast<int>(min(std::int64_t{t.rows}, ay.output - at.y));
    const int rows = outputs + size - 1;
    const Walk<In> walk = start_walk<half, In>(a, at, rows, map);
    Acc w[size][size];
#pragma unroll
    for (int r = 0; r < size; ++r) {
#pragma unroll
      for (int s = 0; s < size; ++s) w[r][s] = tap_at<Acc>(a, at.k, 0, 0, r, s);
    }
    const std::int64_t columns_left = ax.output - at.x - walk.lane * walk_columns;
    const int columns =
        static_cast<int>(max(std::int64_t{0}, min(std::int64_t{walk_columns}, columns_left)));
    const bool framed = walk.column < half || walk.column + walk_columns + half > ax.input ||
                        walk.top < 0 || walk.top + rows > ay.input;
    const bool any_framed = general && __any_sync(0xffffffffu, framed ? 1 : 0) != 0;
    WalkRow<In> ahead[ahead_rows];
#pragma unroll
    for (int i = 0; i < ahead_rows; ++i) load_row<general>(a, walk, i, ahead[i]);
    Acc sum[size][walk_columns] = {};
    Acc checked{};  // stays 0 while all sums are finite
    const Global<Acc> first_y =
        a.y.template as<Acc>() + (at.y_image + at.z * a.geometry.axis[0].y_stride +
                                  at.y * ay.y_stride + at.x + walk.lane * walk_columns);
    Global<Acc> y = first_y;
    for (int first = 0; first < rows; first += size) {
#pragma unroll
      for (int phase = 0; phase < size; ++phase) {
        const int i = first + phase;
        if (i >= rows) break;
        Acc x[walk_columns + 2 * half];
        join_neighbours<half, Acc>(ahead[0], walk.lane, sign, x);
#pragma unroll
        for (int j = 0; j + 1 < ahead_rows; ++j) ahead[j] = ahead[j + 1];
        if (i + ahead_rows < rows) {
          load_row<general>(a, walk, i + ahead_rows, ahead[ahead_rows - 1]);
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
        if constexpr (general) {
          stage_row(stage + phase * walk_strip, walk.lane, done);
        } else {
          store_row(y, columns, done);
          y = y + ay.y_stride;
#pragma unroll
          for (int v = 0; v < walk_columns; ++v) checked += done[v] - done[v];
        }
      }
      if constexpr (general) {
        const int from = first - size + 1;
        finish_rows<Acc>(a, at, any_framed, from, min(outputs, from + size), stage);
      }
    }
    if constexpr (!general) {
      if (framed && checked != 0) mend(a, at, first_y, outputs, columns);
    }
  }
}

}  // namespace faltung::cuda::direct

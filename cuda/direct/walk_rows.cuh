#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/walk_policy.hpp"
#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/boundary_code.cuh"

/// Input rows of a strip on their way through shared memory, by asynchronous copies: the compiler
/// cannot wait for them early, as it does where registers are moved on from row to row.
namespace faltung::cuda::direct {

/// How a row of In lies in shared memory: the columns of the 32 lanes of a warp, and those of a
/// lane before and behind them. Columns move in pieces of at most 16 bytes; where those of a lane
/// are several, first pieces of all lanes come first, so that lanes meet different banks.
template <typename In>
struct WalkRing {
  using Word = std::conditional_t<(sizeof(In) < 4), std::uint32_t, In>;
  static constexpr int bytes = walk_columns * static_cast<int>(sizeof(In));  ///< of a lane
  static constexpr int piece = bytes < 16 ? bytes : 16;                      ///< bytes
  static constexpr int columns = piece / static_cast<int>(sizeof(In));       ///< of a piece
  static constexpr int words = piece / static_cast<int>(sizeof(Word));       ///< of a piece
  static constexpr int pieces = bytes / piece;                               ///< of a lane
  static constexpr int row = pieces * 34 * columns;                          ///< elements

  /// Of column v of a lane, counted from the one before the warp's.
  static __device__ __forceinline__ int place(int lane, int v) {
    return (v / columns * 34 + lane) * columns + v % columns;
  }
};

/// The boundary map of one strip, made once, kept in shared memory: where the rows that lie outside
/// the input are, and the columns of every lane that reaches beyond the ends of a row.
struct WalkMap {
  Shared<int> rows;     ///< of those outside alone; indices, or a code
  Shared<int> columns;  ///< of this lane, 32 apart: own and beyond; indices, or a code
};

/// The task of one warp: a strip of walk_strip columns, t.rows outputs high.
template <typename In>
struct Walk {
  Global<const In> next;    ///< the first column of this lane in the row that is copied next
  int lane;                 ///< of the warp
  int column;               ///< of `next`
  int beyond;               ///< columns_beyond(lane)
  int inside, rows_inside;  ///< the first row of elements alone, and how many are
  bool framed;              ///< rows or columns of the strip lie outside the image
  WalkMap map;
};

/// From a lane's columns to those beyond the warp, which its first and last lane copy.
__device__ __forceinline__ int columns_beyond(int lane) {
  return lane == 0 ? -walk_columns : lane == 31 ? walk_columns : 0;
}

/// The first of a lane's columns.
__device__ __forceinline__ int first_walked(const AxisGeometry& ax, const TileIndex& at, int lane) {
  return static_cast<int>(at.x - ax.pad_lo + ax.filter / 2) + lane * walk_columns;
}

__device__ __forceinline__ bool is_edge(const AxisGeometry& ax, int column) {
  return column < 0 || column + walk_columns > ax.input;
}

template <typename In>
__device__ __forceinline__ Global<const In> walked_image(const Arguments& a, const TileIndex& at) {
  return a.x.template as<const In>() + (at.x_image + at.z * a.geometry.axis[0].x_stride);
}

/// Copies the columns of a lane.
template <typename In>
__device__ __forceinline__ void copy_columns(Global<const In> from, Shared<In> slot, int lane) {
  using Ring = WalkRing<In>;
#pragma unroll
  for (int i = 0; i < Ring::pieces; ++i) {
    copy_async<Ring::piece>(slot + Ring::place(lane, i * Ring::columns), from + i * Ring::columns);
  }
}

/// Row `i` of the strip through the boundary map, or without the alignment that pieces need: a
/// function of its own, so that the walk keeps its registers.
template <bool general, typename In>
__device__ __noinline__ void map_row(const Arguments& a, const TileIndex& at, const WalkMap map,
                                     int i, Shared<In> slot) {
  using Ring = WalkRing<In>;
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const int warp_lane = static_cast<int>(threadIdx.x);
  std::int64_t y = at.y - ay.pad_lo + i;
  if (y < 0 || y >= ay.input) y = map.rows[i];
  const Global<const In> row = walked_image<In>(a, at) + y * ay.x_stride;
  const int parts = columns_beyond(warp_lane) != 0 ? 2 : 1;
#pragma unroll 1
  for (int part = 0; part < parts; ++part) {
    const int beyond = part == 0 ? 0 : columns_beyond(warp_lane);
    const int lane = warp_lane + 1 + beyond / walk_columns;
    const int column = first_walked(ax, at, warp_lane) + beyond;
    const bool edge = is_edge(ax, column);
    if (y >= 0 && !edge && (!general || is_aligned(row + column, Ring::piece))) {
      copy_columns(row + column, slot, lane);
      continue;
    }
#pragma unroll 1
    for (int v = 0; v < walk_columns; ++v) {
      const Shared<In> to = slot + Ring::place(lane, v);
      const int from = edge ? map.columns[32 * (v + part * walk_columns)] : column + v;
      if (y < 0 || from < 0) {
        to[0] = y < 0 ? map_constant<In>(ay, y) : map_constant<In>(ax, from);
      } else if constexpr (sizeof(In) >= 4) {
        copy_async<sizeof(In)>(to, row + from);
      } else {
        to[0] = In(row[from]);
      }
    }
  }
}

/// Starts to copy row `i` of the strip, the next one, to `slot`, if it is one of `rows`.
template <bool general, typename In>
__device__ __forceinline__ void copy_row(const Arguments& a, const TileIndex& at, Walk<In>& walk,
                                         int i, int rows, Shared<In> slot) {
  const bool plain =
      static_cast<unsigned>(i - walk.inside) < static_cast<unsigned>(walk.rows_inside);
  if (plain && (!general || is_aligned(walk.next, WalkRing<In>::piece))) {
    copy_columns(walk.next, slot, walk.lane + 1);
    if (walk.beyond != 0) {
      copy_columns(walk.next + walk.beyond, slot, walk.lane + 1 + walk.beyond / walk_columns);
    }
  } else if (i < rows) {
    map_row<general>(a, at, walk.map, i, slot);
  }
  walk.next = walk.next + a.geometry.axis[1].x_stride;
}

/// One input row of a lane with its neighbours: columns -half to walk_columns + half. `sign` is the
/// highest bit of a signed narrow type, else 0.
template <int half, typename Acc, typename In>
__device__ __forceinline__ void read_row(Shared<const In> slot, int lane, int sign,
                                         Acc (&x)[walk_columns + 2 * half]) {
  using Ring = WalkRing<In>;
  using Word = typename Ring::Word;
  constexpr int per_word = static_cast<int>(sizeof(Word) / sizeof(In));
  const auto read = [&](int ring_lane, int piece, int first) {  // `first`: column of the piece
    const auto word = slot.template as<const Word>().template load<Ring::words>(
        (piece * 34 + ring_lane) * Ring::words);
#pragma unroll
    for (int v = 0; v < Ring::columns; ++v) {
      const int to = first + v + half;
      if (to < 0 || to >= walk_columns + 2 * half) continue;
      if constexpr (per_word == 1) {
        x[to] = word[v];
      } else {
        constexpr int bits = 8 * static_cast<int>(sizeof(In));
        const Word raw = word[v / per_word] >> (v % per_word * bits) & ((Word{1} << bits) - 1);
        x[to] = static_cast<Acc>((static_cast<int>(raw) ^ sign) - sign);
      }
    }
  };
#pragma unroll
  for (int i = (walk_columns - half) / Ring::columns; i < Ring::pieces; ++i) {
    read(lane, i, i * Ring::columns - walk_columns);
  }
#pragma unroll
  for (int i = 0; i < Ring::pieces; ++i) read(lane + 1, i, i * Ring::columns);
#pragma unroll
  for (int i = 0; i <= (half - 1) / Ring::columns; ++i) {
    read(lane + 2, i, walk_columns + i * Ring::columns);
  }
}

/// Starts a walk of `rows` input rows: its pointers and its map.
template <int half, typename In>
__device__ __forceinline__ Walk<In> start_walk(const Arguments& a, const TileIndex& at, int rows,
                                               const WalkMap& map) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  Walk<In> walk;
  walk.map = map;
  walk.lane = static_cast<int>(threadIdx.x);
  walk.column = first_walked(ax, at, walk.lane);
  walk.beyond = columns_beyond(walk.lane);
  const std::int64_t top = at.y - ay.pad_lo;
  const std::int64_t begin = max(std::int64_t{0}, min(-top, std::int64_t{rows}));
  const std::int64_t elements = min(ay.input - top, std::int64_t{rows}) - begin;
  const bool own_edge = is_edge(ax, walk.column);
  const bool halo_edge = is_edge(ax, walk.column + walk.beyond);
  const bool edges = __any_sync(0xffffffffu, own_edge || halo_edge ? 1 : 0) != 0;
  walk.inside = static_cast<int>(begin);
  walk.rows_inside = edges ? 0 : static_cast<int>(max(std::int64_t{0}, elements));
  walk.framed =
      elements < rows || walk.column < half || walk.column + walk_columns + half > ax.input;
  walk.next = walked_image<In>(a, at) + (top * ay.x_stride + walk.column);
  __syncwarp();  // the walk before has read its map and its rows
#pragma unroll 1
  for (int i = walk.lane; i < rows; i += 32) {
    const std::int64_t y = top + i;
    if (y < 0 || y >= ay.input) map.rows[i] = static_cast<int>(map_index(ay, y));
  }
#pragma unroll 1
  for (int v = 0; v < 2 * walk_columns; ++v) {
    if (!(v < walk_columns ? own_edge : halo_edge)) continue;
    const std::int64_t x =
        std::int64_t{walk.column} + (v < walk_columns ? v : v - walk_columns + walk.beyond);
    map.columns[32 * v] = static_cast<int>(map_index(ax, x));
  }
  __syncwarp();
  return walk;
}

}  // namespace faltung::cuda::direct

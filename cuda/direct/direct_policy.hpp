#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/direct/direct_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda::direct {

inline constexpr int max_threads = 256;

inline constexpr int thread_rows = 4;

/// Outputs of one thread, by the bytes of an accumulator: a 16-byte vector of columns, so that the
/// lanes of a warp read shared memory without conflicts, times rows that share the values of x. A
/// vector of 4 taps on 4 rows of floats is then 64 FMAs on two vector reads of 4 + 4 x 1 wavefronts
/// a warp: 16 clocks of arithmetic, 8 of shared memory.
template <std::size_t bytes>
struct Shape {
  static constexpr int cols = static_cast<int>(16 / bytes);
  static constexpr int rows = thread_rows;
};

/// What a choice of tiles and chunks costs, in multiply-adds per output. Not measured on a GPU: a
/// value moved into shared memory counts as 4, a barrier and the latency after it as 8 values of
/// 256 threads, a multiply-add that reads its own value as 5.
struct CostModel {
  static constexpr double value = 4;
  static constexpr double chunk_values = 8 * 256;
  static constexpr double sparse_term = 5;
};

/// A block keeps below this, so that four share a multiprocessor and one loads while others sum.
/// The same on every device, since how taps are cut into chunks decides about the order of a sum.
inline constexpr std::int64_t shared_budget = 48 * 1024;

constexpr int round_up_to_power(std::int64_t n, int max) {
  int power = 1;
  while (power < max && power < n) power *= 2;
  return power;
}

/// Greatest common divisor of the distances between outputs and between taps: the positions that a
/// window needs. With a single tap the distance between outputs alone counts.
constexpr std::int64_t window_step(const AxisGeometry& axis, std::int64_t taps) {
  std::int64_t a = axis.stride;
  std::int64_t b = taps == 1 ? 0 : axis.dilation;
  while (b != 0) {
    const std::int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/// One candidate; its window_size is 0 if it does not fit.
constexpr ChunkTiling make_tiling(const Geometry& g, int accumulator_bytes, int threads_x,
                                  int threads_y, std::int64_t chunk_rows, std::int64_t chunk_cols) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const int vector = 16 / accumulator_bytes;
  ChunkTiling t;
  t.threads_x = threads_x;
  t.threads_y = threads_y;
  t.cols = threads_x * vector;
  t.rows = threads_y * thread_rows;
  t.folded = ay.output == 1 && ay.filter == 1;
  t.chunk_rows = static_cast<int>(chunk_rows);
  t.chunk_cols = static_cast<int>(chunk_cols);
  t.window_size = 0;
  t.step_y = window_step(ay, chunk_rows);
  t.step_x = window_step(ax, chunk_cols);
  const std::int64_t max = shared_budget / accumulator_bytes;
  const std::int64_t output_rows = ay.stride / t.step_y, output_cols = ax.stride / t.step_x;
  const std::int64_t tap_rows = chunk_rows == 1 ? 1 : ay.dilation / t.step_y;
  const std::int64_t tap_cols = chunk_cols == 1 ? 1 : ax.dilation / t.step_x;
  if (std::max({output_rows, output_cols, tap_rows, tap_cols}) > max) return t;
  const std::int64_t outputs_wide = t.folded ? std::int64_t{t.rows} * t.cols : t.cols;
  const std::int64_t cols = (outputs_wide - 1) * output_cols + (chunk_cols - 1) * tap_cols + 1;
  const std::int64_t rows =
      t.folded ? 1 : (t.rows - 1) * output_rows + (chunk_rows - 1) * tap_rows + 1;
  t.tap_pitch = static_cast<int>(divide_up(chunk_cols, vector) * vector);
  if (cols > max || rows > max) return t;
  const std::int64_t window_cols = divide_up(cols, vector) * vector;
  const std::int64_t taps = chunk_rows * t.tap_pitch;
  if (rows * window_cols + taps > max) return t;
  t.window_rows = static_cast<int>(rows);
  t.window_cols = static_cast<int>(window_cols);
  t.output_rows = static_cast<int>(output_rows);
  t.output_cols = static_cast<int>(output_cols);
  t.tap_rows = static_cast<int>(tap_rows);
  t.tap_cols = static_cast<int>(tap_cols);
  t.pitch = t.folded ? t.cols * t.output_cols : t.window_cols;
  t.dense = output_rows == 1 && output_cols == 1 && tap_rows == 1 && tap_cols == 1;
  t.window_size = static_cast<int>(rows * window_cols);
  t.taps_size = static_cast<int>(taps);
  return t;
}

/// Multiply-adds per output that a tiling costs; see CostModel.
constexpr double tiling_cost(const Geometry& g, const ChunkTiling& t) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const auto chunks =
      static_cast<double>(divide_up(ay.filter, t.chunk_rows) * divide_up(ax.filter, t.chunk_cols));
  const double terms = static_cast<double>(t.rows) * t.cols * static_cast<double>(ay.filter) *
                       static_cast<double>(ax.filter) * (t.dense ? 1 : CostModel::sparse_term);
  const double values = t.window_size + t.taps_size + CostModel::chunk_values;
  const double used =
      t.folded
          ? static_cast<double>(std::min<std::int64_t>(ax.output, std::int64_t{t.rows} * t.cols))
          : static_cast<double>(std::min<std::int64_t>(ay.output, t.rows)) *
                static_cast<double>(std::min<std::int64_t>(ax.output, t.cols));
  return (chunks * values * CostModel::value + terms) / used;
}

/// Most taps of a chunk.
struct ChunkLimit {
  std::int64_t rows = 256, cols = 4096;
  bool in_order = false;  ///< rows of taps follow each other: more than one only if they are whole
};

/// The cheapest tiling. There is always one: chunks of one tap need no more than the tile itself.
inline ChunkTiling choose_tiling(const Geometry& g, int accumulator_bytes,
                                 const ChunkLimit& limit = {}) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const int vector = 16 / accumulator_bytes;
  const bool folded = ay.output == 1 && ay.filter == 1;
  const int threads_x = round_up_to_power(divide_up(ax.output, vector), 32);
  const std::int64_t tile_rows = folded ? divide_up(ax.output, threads_x * vector) : ay.output;
  const int max_y = round_up_to_power(divide_up(tile_rows, thread_rows), max_threads / threads_x);
  ChunkTiling best;
  double min = -1;
  for (int threads_y = max_y; threads_y >= 1; threads_y /= 2) {
    for (std::int64_t rows = std::min(ay.filter, limit.rows);; rows = divide_up(rows, 2)) {
      for (std::int64_t cols = std::min(ax.filter, limit.cols);; cols = divide_up(cols, 2)) {
        const ChunkTiling t = make_tiling(g, accumulator_bytes, threads_x, threads_y, rows, cols);
        const double cost = t.window_size == 0 ? -1 : tiling_cost(g, t);
        const bool whole = cols >= std::min(ax.filter, limit.cols);
        if (cost >= 0 && (min < 0 || cost < min) && (!limit.in_order || rows == 1 || whole)) {
          best = t;
          min = cost;
        }
        if (cols == 1) break;
      }
      if (rows == 1) break;
    }
  }
  count_tiles(g, best);
  if (best.folded) {
    best.tiles_x = divide_up(ax.output, std::int64_t{best.rows} * best.cols);
    best.blocks = best.tiles = best.tiles_x * best.tiles_z * g.images();
  }
  return best;
}

}  // namespace faltung::cuda::direct

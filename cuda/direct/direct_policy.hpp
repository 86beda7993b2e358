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

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

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
constexpr Tiling make_tiling(const Geometry& g, int accumulator_bytes, int threads_x, int threads_y,
                             std::int64_t chunk_rows, std::int64_t chunk_cols) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const int vector = 16 / accumulator_bytes;
  Tiling t;
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
constexpr double tiling_cost(const Geometry& g, const Tiling& t) {
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

/// The cheapest tiling. There is always one: chunks of one tap need no more than the tile itself.
inline Tiling choose_tiling(const Geometry& g, int accumulator_bytes) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const int vector = 16 / accumulator_bytes;
  const bool folded = ay.output == 1 && ay.filter == 1;
  const int threads_x = round_up_to_power(divide_up(ax.output, vector), 32);
  const std::int64_t tile_rows = folded ? divide_up(ax.output, threads_x * vector) : ay.output;
  const int max_y = round_up_to_power(divide_up(tile_rows, thread_rows), max_threads / threads_x);
  Tiling best;
  double min = -1;
  for (int threads_y = max_y; threads_y >= 1; threads_y /= 2) {
    for (std::int64_t rows = std::min<std::int64_t>(ay.filter, 256);; rows = divide_up(rows, 2)) {
      for (std::int64_t cols = std::min<std::int64_t>(ax.filter, 4096);;
           cols = divide_up(cols, 2)) {
        const Tiling t = make_tiling(g, accumulator_bytes, threads_x, threads_y, rows, cols);
        const double cost = t.window_size == 0 ? -1 : tiling_cost(g, t);
        if (cost >= 0 && (min < 0 || cost < min)) {
          best = t;
          min = cost;
        }
        if (cols == 1) break;
      }
      if (rows == 1) break;
    }
  }
  best.tiles_x =
      divide_up(ax.output, best.folded ? std::int64_t{best.rows} * best.cols : best.cols);
  best.tiles_y = divide_up(ay.output, best.folded ? 1 : best.rows);
  best.tiles = best.tiles_x * best.tiles_y * g.axis[0].output * g.groups * g.group_outputs;
  for (int i = 0; i < g.outer_count; ++i) best.tiles *= g.outer[i].extent;
  return best;
}

/// How walk_kernel is cut: a lane owns 4 columns, so a warp moves 512 bytes of floats a row. Three
/// rows ahead, 16 warps on each multiprocessor, hold 24 KiB of reads in flight on each.
inline constexpr int walk_columns = 4;
inline constexpr int walk_strip = 32 * walk_columns;
inline constexpr int walk_warps = 4;
inline constexpr int walk_ahead = 3;
inline constexpr int walk_rows = 128;  ///< of a strip, at most

/// Blocks of walk_kernel that fit a multiprocessor by their registers: taps, partial sums, rows.
constexpr int walk_blocks(int size, std::size_t accumulator_bytes, bool general) {
  if (accumulator_bytes == 8) return size == 3 && !general ? 3 : 2;
  return (size == 3 ? 4 : 3) - (general ? 1 : 0);
}

/// Whether walk_kernel computes it, with columns enough to keep its lanes busy.
constexpr bool can_walk(const Geometry& g, int accumulator_bytes) {
  const AxisGeometry& az = g.axis[0];
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  constexpr std::int64_t limit = std::int64_t{1} << 29;  // columns are counted in 32 bits
  const auto plain = [](const AxisGeometry& axis) {
    return axis.stride == 1 && axis.dilation == 1 && axis.input_dilation == 1;
  };
  const std::int64_t size = ax.filter;
  // The taps of a lane stay in registers: 49 floats or 25 doubles.
  const bool known = size == 3 || size == 5 || (size == 7 && accumulator_bytes == 4);
  return g.group_inputs == 1 && plain(az) && plain(ay) && plain(ax) && az.filter == 1 &&
         az.pad_lo == 0 && az.output <= az.input && ay.filter == size && known &&
         ay.x_stride >= 0 && ax.x_stride == 1 && ax.input < limit && ax.output < limit &&
         ax.pad_lo < limit && ax.pad_lo > -limit && ax.output >= 32;
}

/// Whether its vectors of columns are aligned if its pointers are multiples of 16 bytes.
constexpr bool walk_aligned(const Geometry& g, int accumulator_bytes) {
  const int vector = 16 / accumulator_bytes;
  const AxisGeometry& ax = g.axis[2];
  bool aligned = g.x_origin % vector == 0 && g.y_origin % vector == 0 &&
                 g.x_channel % vector == 0 && g.y_channel % vector == 0 && ax.y_stride == 1 &&
                 (ax.pad_lo - ax.filter / 2) % vector == 0;
  for (const AxisGeometry* axis : {&g.axis[0], &g.axis[1]}) {
    aligned = aligned && axis->x_stride % vector == 0 && axis->y_stride % vector == 0;
  }
  for (int i = 0; i < g.outer_count; ++i) {
    aligned = aligned && (g.outer[i].extent == 1 ||
                          (g.outer[i].x_stride % vector == 0 && g.outer[i].y_stride % vector == 0));
  }
  return aligned;
}

/// Strips for walk_kernel: as high as leaves 16 warps to each multiprocessor, at least 16 rows (an
/// eighth more reads for 3x3), at most 128. Bytes, products and predicted times of the targets on
/// an H200, at 0.88 of 4.27 TB/s and 80 % of 25.5e6 FFMA (10e6 DFMA) a microsecond, plus 3.4 us of
/// launch, reads counted with the rows that strips share; nothing here is measured on a GPU:
///
///     f32 4096x4096 3x3          137 MB    151e6   40 us (target 40)
///     f32 4096x4096 7x7          141 MB    822e6   44 us (46)
///     f32 3x2160x3840 5x5        203 MB    622e6   58 us (60)
///     f32 64x1024x1024 5x5       546 MB   1678e6  149 us (150)
///     f64 4096x4096 5x5          276 MB    419e6   77 us (75)
inline Tiling walk_tiling(const Geometry& g, bool general, const GpuLimits& device = {}) {
  Tiling t;
  t.general = general;
  t.threads_x = 32;
  t.threads_y = walk_warps;
  t.cols = walk_strip;
  t.tiles_x = divide_up(g.axis[2].output, walk_strip);
  std::int64_t planes = g.axis[0].output * g.groups * g.group_outputs;
  for (int i = 0; i < g.outer_count; ++i) planes *= g.outer[i].extent;
  const std::int64_t rows =
      divide_up(g.axis[1].output * t.tiles_x * planes, std::int64_t{device.multiprocessors} * 16);
  t.rows = static_cast<int>(std::clamp<std::int64_t>(rows, 16, walk_rows));
  t.tiles_y = divide_up(g.axis[1].output, t.rows);
  t.tiles = t.tiles_x * t.tiles_y * planes;
  return t;
}

/// Predicted microseconds; not measured on a GPU. Dense sums of floats pass through loops of 64
/// multiply-adds among some 85 instructions; the other types wait for their products.
inline double predict_us(const GpuMachine& gpu, const Geometry& g, const Tiling& t,
                         DType accumulator, double products, double bytes) {
  const double terms =
      static_cast<double>(g.axis[1].filter) * static_cast<double>(g.axis[2].filter);
  const double idle = std::max(1.0, gpu.multiprocessors() / static_cast<double>(t.tiles));
  const double rate = accumulator == DType::f32 ? 0.75 * gpu.multiprocessors() *
                                                      gpu.issued_per_us() / gpu.slots(DType::f32)
                                                : gpu.products_per_us(accumulator);
  return gpu.launch_us + std::max(products / rate * (tiling_cost(g, t) / terms) * idle,
                                  bytes / gpu.moved_bytes_per_us());
}

/// The same for walk_kernel: four fifths of the arithmetic rate, and each strip reads filter - 1
/// rows of the next. What the general one does to a sum costs as much as some 30 multiply-adds.
inline double predict_walk_us(const GpuMachine& gpu, const Geometry& g, const Tiling& t,
                              DType accumulator, double products, double bytes) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const double idle =
      std::max(1.0, gpu.multiprocessors() * walk_warps / static_cast<double>(t.tiles));
  const double again = 1 + 0.5 * static_cast<double>(ay.filter - 1) / t.rows;
  const double unused = static_cast<double>(t.tiles_x) * t.cols / static_cast<double>(ax.output);
  const double finish = t.general ? 30 / static_cast<double>(ay.filter * ax.filter) : 0;
  const double rate = 0.8 * gpu.products_per_us(accumulator);
  return gpu.launch_us + idle * std::max(unused * (1 + finish) * products / rate,
                                         again * bytes / gpu.moved_bytes_per_us());
}

}  // namespace faltung::cuda::direct

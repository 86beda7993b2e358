#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/separable/separable_geometry.hpp"

namespace faltung::cuda::separable {

inline constexpr int threads = 256;

/// What a thread sums at once, by the bytes of an accumulator. Along a row: 64 bytes of neighbours,
/// so that a 16-byte vector of x and one of taps serve 4 x 16 FMAs on floats. Down the columns:
/// `rows` of one 8-byte vector, so that one vector of the ring serves as many FMAs as a row's.
template <std::size_t bytes>
struct Shape {
  static constexpr int vector = static_cast<int>(16 / bytes);
  static constexpr int run = 4 * vector;
  static constexpr int columns = static_cast<int>(8 / bytes);
  static constexpr int rows = 8;
  static constexpr int strip = static_cast<int>(512 / bytes);  ///< columns of a strip
  static_assert(threads == step_rows * strip / run);
  static_assert(threads == step_rows / rows * strip / columns);
};

/// More bytes of shared memory than any device has; extents beyond it are not multiplied.
inline constexpr std::int64_t absurd_shared = std::int64_t{1} << 20;

/// Blocks of plane_kernel that fit a multiprocessor by their registers.
inline constexpr int resident_blocks = 2;

/// What blocks wait for before their first sum, in loads one after the other: the filter is read
/// twice, and once more for another term.
inline constexpr double factoring_loads = 2.5;
inline constexpr double another_term_loads = 1.0 / 0.6;

/// Instructions of warps that a GPU issues in a microsecond.
inline double issued_by_warps(const GpuMachine& gpu) {
  return gpu.multiprocessors() * gpu.issued_per_us() / 32;
}

/// Elements between rows that keep lanes apart, one row each: an odd number of 16-byte vectors.
constexpr std::int64_t spread_pitch(std::int64_t columns, int vector) {
  return (divide_up(columns, vector) | 1) * vector;
}

/// Taps of an axis in shared memory, zeros before and after them included.
FALTUNG_HOST_DEVICE constexpr std::int64_t padded_taps(std::int64_t filter, int shift, int vector) {
  return round_up(filter + shift, vector);
}

/// Shared memory of a block, or more than there is if an extent is absurd.
inline std::int64_t shared_bytes(const Geometry& g, int accumulator_bytes) {
  const int vector = 16 / accumulator_bytes;
  const std::int64_t ky = g.axis[1].filter, kx = g.axis[2].filter;
  if (std::max(ky, kx) > absurd_shared) return absurd_shared;
  const std::int64_t strip = 512 / accumulator_bytes;
  const std::int64_t columns = round_up(strip + kx - 1 + vector - 1, vector);
  const std::int64_t ring = (step_rows + round_up(ky - 1, 8)) * spread_pitch(strip, vector);
  const std::int64_t stages = 2 * step_rows * spread_pitch(columns, vector);
  const std::int64_t taps = padded_taps(ky, 0, vector) + padded_taps(kx, vector - 1, vector);
  constexpr std::int64_t rest = 1024;  // row tables, reductions, alignment
  return (g.terms * (ring + taps) + stages) * accumulator_bytes + 4 * columns + rest;
}

/// Shared memory of factor_kernel: the lines of taps, each aligned.
inline std::int64_t bound_shared_bytes(const Geometry& g, int accumulator_bytes) {
  std::int64_t bytes = 0;
  for (int i = 0; i < max_rank; ++i) bytes += round_up(line_taps(g, i) * accumulator_bytes, 16);
  return bytes;
}

/// Strips as high as keeps all blocks resident at once, if the image allows it.
inline PlaneTiling choose_strips(const Geometry& g, int accumulator_bytes,
                                 const GpuLimits& device = {}) {
  const int vector = 16 / accumulator_bytes;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  PlaneTiling s;
  s.cols = 512 / accumulator_bytes;
  s.lag = static_cast<int>(round_up(ay.filter - 1, 8));
  s.ring_rows = step_rows + s.lag;
  s.ring_pitch = static_cast<int>(spread_pitch(s.cols, vector));
  s.stage_columns = static_cast<int>(round_up(s.cols + ax.filter - 1 + vector - 1, vector));
  s.stage_pitch = static_cast<int>(spread_pitch(s.stage_columns, vector));
  const std::int64_t across = divide_up(ax.output, s.cols) * g.images();
  const std::int64_t by_memory = blocks_by_shared(device, shared_bytes(g, accumulator_bytes));
  const std::int64_t resident = std::clamp<std::int64_t>(by_memory, 1, resident_blocks);
  const double slots = device.multiprocessors * static_cast<double>(resident);
  constexpr double start_rows = 24;  // of a block's time: factors, first loads
  const std::int64_t fewest = s.lag / step_rows + 1;
  const std::int64_t max =
      std::clamp<std::int64_t>(divide_up(ay.output + s.lag, step_rows), fewest, fewest + 127);
  double min = -1;
  for (std::int64_t steps = fewest; steps <= max; ++steps) {
    const std::int64_t rows = steps * step_rows - s.lag;
    const std::int64_t down = divide_up(ay.output, rows);
    const double waves = static_cast<double>(across * down) / slots;
    // Many waves even out by themselves; a part of a first or second leaves multiprocessors idle.
    const double whole = waves > 2 ? waves : std::ceil(waves);
    const double cost = whole * (static_cast<double>(steps) * step_rows + start_rows);
    if (min >= 0 && cost >= min) continue;
    min = cost;
    s.steps = static_cast<int>(steps);
    s.rows = static_cast<int>(rows);
  }
  count_tiles(g, s);
  return s;
}

/// What a thread issues for one output beside its multiply-adds: two reads of the ring, and the
/// loads, stores, taps and addresses; for another term; and for results that are not stored as they
/// are. Counted in the source, not measured.
inline constexpr double other_instructions = 10;
inline constexpr double term_instructions = 4;
constexpr double finishing_instructions(Finish finish) {
  return finish == Finish::plain ? 0 : finish == Finish::narrow ? 10 : 60;
}

/// Bytes that memory moves for one element: those that are no neighbours come a sector each.
inline double moved_bytes(std::int64_t stride, std::size_t size) {
  const double reach = static_cast<double>(std::abs(stride)) * static_cast<double>(size);
  return std::clamp(reach, static_cast<double>(size), 32.0);
}

/// Predicted microseconds; not measured on a GPU. The reach of the filter is read again where one
/// strip ends above another; columns that neighbours share come from L2, where they are in step.
/// Multiply-adds count by the rate of their type.
inline double predict_us(const GpuMachine& gpu, const Geometry& g, const PlaneTiling& s,
                         DType accumulator, std::size_t x_bytes, std::size_t y_bytes,
                         Finish finish) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const double planes = static_cast<double>(s.tiles) / static_cast<double>(s.tiles_x * s.tiles_y);
  const double again =
      1 + static_cast<double>((s.tiles_y - 1) * (ay.filter - 1)) / static_cast<double>(ay.output);
  const double bytes =
      planes * (again * static_cast<double>(ay.input) * static_cast<double>(ax.input) *
                    moved_bytes(ax.x_stride, x_bytes) +
                static_cast<double>(ay.output) * static_cast<double>(ax.output) *
                    moved_bytes(ax.y_stride, y_bytes));
  const double instructions =
      g.terms * gpu.slots(accumulator) * static_cast<double>(ay.filter + ax.filter) +
      other_instructions + (g.terms - 1) * term_instructions + finishing_instructions(finish);
  const double warps = static_cast<double>(s.tiles) * s.cols * s.steps;  // a row of a step each
  const double idle = std::max(1.0, gpu.multiprocessors() / static_cast<double>(s.tiles));
  const double loads = factoring_loads + (g.terms - 1) * another_term_loads;
  return gpu.launch_us + loads * gpu.memory_latency_us +
         idle * std::max(bytes / gpu.moved_bytes_per_us(),
                         warps * instructions / issued_by_warps(gpu));
}

}  // namespace faltung::cuda::separable

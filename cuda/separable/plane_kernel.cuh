#pragma once

#include "cuda/separable/bound_factors.cuh"
#include "cuda/separable/equal_sums.cuh"
#include "cuda/separable/finish.cuh"
#include "cuda/separable/stage.cuh"

namespace faltung::cuda::separable {

/// The slow end, for any type and epilogue: sums go through shared memory, so that neighbouring
/// lanes finish neighbouring elements and the epilogue is compiled once. Where the filter is no
/// outer product, or where a value that is not finite may have met a tap that the definition does
/// not let it meet, the output is formed again by the definition.
///
/// @param y, x  the first output of the warp
template <typename Acc>
__device__ __forceinline__ void finish_warp(const Arguments& a, const TileIndex& at, bool separable,
                                            std::int64_t y, std::int64_t x, int rows,
                                            Shared<Acc> kept, const Block<Acc>& sum) {
  constexpr int columns = Shape<sizeof(Acc)>::columns;
  constexpr int across = 32 * columns;
  const Geometry& g = a.geometry;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int m = 0; m < Shape<sizeof(Acc)>::rows; ++m) {
    kept.template store<columns>(m * across + lane * columns, sum[m]);
  }
  __syncwarp();
#pragma unroll 1
  for (int i = lane; i < rows * across; i += 32) {
    const std::int64_t row = y + i / across, column = x + i % across;
    if (column >= g.axis[2].output) continue;
    Acc value = kept[i];
    if (!separable || !is_finite(value)) value = sum_of_terms<Acc>(a, at, 0, row, column);
    finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                   at.y_image + row * g.axis[1].y_stride + column * g.axis[2].y_stride);
  }
}

/// The lines of taps and the sums along the rows, in shared memory.
template <typename Acc>
struct Lines {
  Shared<Acc> ring, taps_y, taps_x;               ///< of the first term
  int ring_size = 0, padded_y = 0, padded_x = 0;  ///< from one term to the next
  bool equal_y = false, equal_x = false;          ///< long, and all taps are equal
};

/// Sums the rows of a step into the rings, from ring row `first` on.
template <typename Acc>
__device__ __forceinline__ void sum_step_rows(const Arguments& a, const PlaneTiling& s,
                                              const Lines<Acc>& lines, Shared<Acc> stage,
                                              int first) {
  using Mine = Shape<sizeof(Acc)>;
  const int filter = static_cast<int>(a.geometry.axis[2].filter);
  const int row = static_cast<int>(threadIdx.x) % step_rows;
  const int column = static_cast<int>(threadIdx.x) / step_rows * Mine::run;
  const Shared<Acc> from = stage + (row * s.stage_pitch + column);
  int to = first + row;
  if (to >= s.ring_rows) to -= s.ring_rows;
#pragma unroll 1
  for (int term = 0; term < a.geometry.terms; ++term) {
    Acc sum[Mine::run] = {};
    if (lines.equal_x) {
      sum_equal_row(from, s.shift, filter, Acc{lines.taps_x[s.shift]}, sum);
    } else {
      sum_row(from, lines.taps_x + term * lines.padded_x, filter + s.shift, sum);
    }
    store_run(lines.ring + (term * lines.ring_size + to * s.ring_pitch + column), sum);
  }
}

/// Sums the rings down the columns from `own` on, from ring row `from` on.
template <typename Acc>
__device__ __forceinline__ void sum_step_columns(const Arguments& a, const PlaneTiling& s,
                                                 const Lines<Acc>& lines, int from, int own,
                                                 Block<Acc>& sum) {
  const int pitch = s.ring_pitch;
  const int filter = static_cast<int>(a.geometry.axis[1].filter);
#pragma unroll 1
  for (int term = 0; term < a.geometry.terms; ++term) {
    const RingCursor<Acc> cursor{lines.ring + (term * lines.ring_size + own), from * pitch, pitch,
                                 lines.ring_size};
    if (lines.equal_y) {
      sum_equal_column(cursor, filter, Acc{lines.taps_y[0]}, sum);
    } else {
      sum_column(cursor, lines.taps_y + term * lines.padded_y, filter, sum);
    }
  }
}

/// Stores the sums of a thread, `height` rows from output row `y` on; fast, if all of its warp can,
/// which begins at column `column` of the strip. Else they pass through `kept`.
template <typename Acc>
__device__ __forceinline__ void store_step(const Arguments& a, const PlaneTiling& s,
                                           const TileIndex& at, bool separable, std::int64_t y,
                                           int column, int height, Shared<Acc> kept,
                                           const Block<Acc>& sum) {
  constexpr int columns = Shape<sizeof(Acc)>::columns;
  const std::int64_t row_stride = a.geometry.axis[1].y_stride;
  const bool fast = s.y_vectors && separable && all_within<Acc>(a.max, sum);
  if (!__all_sync(0xffffffffu, fast)) {
    return finish_warp<Acc>(a, at, separable, y, at.x + column, height, kept, sum);
  }
  const int own = column + static_cast<int>(threadIdx.x) % 32 * columns;
  const std::int64_t left = a.geometry.axis[2].output - at.x - own;
  store_block<Acc>(a,
                   {at.y_image + y * row_stride + at.x + own, row_stride, height,
                    static_cast<int>(min(std::int64_t{columns}, left))},
                   sum);
}

/// Maps the rows of step `step` of a strip that reads `count` rows from `top` on; the others hold
/// nothing.
__device__ __forceinline__ void map_rows(const AxisGeometry& axis, Shared<int> rows, int top,
                                         int step, int count) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= step_rows) return;
  const int row = step * step_rows + thread;
  rows[step % 2 * step_rows + thread] =
      row < count ? static_cast<int>(map_index(axis, top + row)) : map_nothing;
}

/// Filters of two axes that are sums of a few outer products, mostly of one, with one input channel
/// for each output; both axes in one pass. A block walks down a strip of 512 bytes of columns, 32
/// input rows a step:
///
///     stage   rows of x, through the boundary map, by asynchronous copies one step ahead
///     ring    their sums along the rows: a lane owns a row, a thread 64 bytes of neighbours of it;
///             a ring for each term
///     y       sums of the rings down the columns: a thread owns 8 rows of 8 bytes of columns
///
/// so that every input is read once, but for the reach of the filter at the edges of strips, and
/// every output stored once. The factors are found by each block while its first rows arrive.
///
/// Of f32 4096 x 4096, 25 x 25, cut into 8 strips of 520 rows by 32 of 128 columns:
///
///     bytes       67.1 MB read and 4 % again where strips meet, 67.1 MB written: 137 MB;
///                 36.5 us at 0.88 of 4.27 TB/s. Columns that neighbours share come from L2
///     FMA         25 + 25 + 1 of an output, 53 with the reach: 884e6;
///                 26 us at 132 x 128 x 1.98 GHz
///     wavefronts  of 32 outputs: x 1.2, rows 2.9, ring 1, columns 4.8: 10;
///                 20 us. Asserted: 1.1 of those without conflicts
///     limit       31.4 us, the bytes at 4.27 TB/s
///     predicted   41.4 us with launch and factors, not measured yet; target 42
///
///   grid    x: strips in the order of tile_index, as often as needed
///   block   threads
///   shared  shared_bytes(geometry, sizeof(Acc))
template <typename Acc>
__global__ void __launch_bounds__(threads, resident_blocks)
    plane_kernel(const __grid_constant__ Arguments a, const __grid_constant__ PlaneTiling s) {
  using Mine = Shape<sizeof(Acc)>;
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  constexpr int warps_across = Mine::strip / (32 * Mine::columns);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % 32, warp = thread / 32;
  SharedMemory memory;
  Lines<Acc> lines;
  lines.ring_size = s.ring_rows * s.ring_pitch;
  lines.ring = memory.take<Acc>(g.terms * lines.ring_size);
  const int stage_size = step_rows * s.stage_pitch;
  const Shared<Acc> stage = memory.take<Acc>(2 * stage_size);
  const int row_taps = static_cast<int>(ax.filter) + s.shift;
  const int padded_y = static_cast<int>(padded_taps(ay.filter, 0, Mine::vector));
  const int padded_x = static_cast<int>(padded_taps(ax.filter, s.shift, Mine::vector));
  lines.padded_x = padded_x;
  lines.padded_y = padded_y;
  const Shared<Acc> taps_y = lines.taps_y = memory.take<Acc>(g.terms * padded_y);
  const Shared<Acc> taps_x = lines.taps_x = memory.take<Acc>(g.terms * padded_x);
  FALTUNG_SHARED(Acc, taps_z, 1);
  StageMap<Acc> map;
  map.columns = memory.take<int>(s.stage_columns);
  const Shared<int> rows = memory.take<int>(2 * step_rows);
  map.count = step_rows;
  const Factors<Acc> factors{{taps_z, taps_y, taps_x + s.shift}, {0, padded_y, padded_x}};

  for (std::int64_t number = blockIdx.x; number < s.tiles; number += gridDim.x) {
    const TileIndex at = tile_index(g, s, number);
    const int outputs = static_cast<int>(min(std::int64_t{s.rows}, ay.output - at.y));
    const int inputs = outputs + static_cast<int>(ay.filter) - 1;
    const int steps = (outputs + s.lag + step_rows - 1) / step_rows;
    const int top = static_cast<int>(at.y - ay.pad_lo);
    map.image = at.x_image;
    map.first = static_cast<int>(at.x - ax.pad_lo) - s.shift;
    __syncthreads();  // the strip before is done
    map_columns(ax, s, map);
    map_rows(ay, rows, top, 0, inputs);
    map_rows(ay, rows, top, 1, inputs);
    pad_taps(taps_y, g.terms, padded_y, 0, static_cast<int>(ay.filter));
    pad_taps(taps_x, g.terms, padded_x, s.shift, row_taps);
    __syncthreads();
    map.rows = rows;
    load_stage(a, s, map, stage);
    copy_async_commit();
    const bool separable = get_factors<Acc, true>(a, at.k, factors);
    if (separable && g.terms == 1) {
      lines.equal_x = are_equal(factors.line[2], static_cast<int>(ax.filter));
      lines.equal_y = are_equal(factors.line[1], static_cast<int>(ay.filter));
    }
    int first = 0;  // ring row of the step's first input row
#pragma unroll 1
    for (int step = 0; step < steps; ++step) {
      copy_async_wait<0>();
      __syncthreads();  // the step before has read the ring and the other stage
      if (step + 1 < steps) {
        map.rows = rows + (step + 1) % 2 * step_rows;
        load_stage(a, s, map, stage + (step + 1) % 2 * stage_size);
        copy_async_commit();
      }
      if (step + 2 < steps) map_rows(ay, rows, top, step + 2, inputs);
      if (separable) sum_step_rows(a, s, lines, stage + step % 2 * stage_size, first);
      __syncthreads();
      // A warp takes 8 rows of a quarter or half of the strip.
      const int row = warp / warps_across * Mine::rows;
      const int column = warp % warps_across * 32 * Mine::columns;
      const int done = step * step_rows - s.lag + row;  // outputs of the strip, if not negative
      if (done >= 0 && done < outputs && at.x + column < ax.output) {
        int from = first + row - s.lag;
        if (from < 0) from += s.ring_rows;
        if (from >= s.ring_rows) from -= s.ring_rows;
        const int own = column + lane * Mine::columns;
        Block<Acc> sum = {};
        if (separable) sum_step_columns(a, s, lines, from, own, sum);
        const int height = min(Mine::rows, outputs - done);
        // The rows of this step have been summed: their memory is free.
        store_step<Acc>(a, s, at, separable, at.y + done, column, height,
                        stage + (step % 2 * stage_size + warp * 32 * Mine::rows * Mine::columns),
                        sum);
      }
      first += step_rows;
      if (first >= s.ring_rows) first -= s.ring_rows;
    }
  }
}

}  // namespace faltung::cuda::separable

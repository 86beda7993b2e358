#pragma once

#include "cuda/separable/bound_factors.cuh"
#include "cuda/separable/sliding_sums.cuh"
#include "cuda/separable/stage.cuh"
#include "cuda/separable/volume_policy.hpp"

namespace faltung::cuda::separable {

/// Partial sums along the first axis of the outputs of a thread, one column of `rows`. `open[j]`
/// has met the taps before depth - 1 - j. Each slice moves all of them on by one, in the same
/// instructions that add it.
template <typename Acc, int depth, int rows>
struct OpenSums {
  Acc open[depth - 1][rows];

  /// Adds slice h; h becomes the sums that it completes.
  __device__ __forceinline__ void add(Shared<Acc> taps, Vec<Acc, 1> (&h)[rows]) {
    Acc slice[rows];
#pragma unroll
    for (int m = 0; m < rows; ++m) slice[m] = h[m][0];
#pragma unroll
    for (int j = 0; j < depth; ++j) {
      const Acc w = taps[depth - 1 - j];
#pragma unroll
      for (int m = 0; m < rows; ++m) {
        const Acc before = j < depth - 1 ? open[j < depth - 1 ? j : 0][m] : Acc{};
        Acc& after = j == 0 ? h[m][0] : open[j > 0 ? j - 1 : 0][m];
        after = multiply_add(w, slice[m], before);
      }
    }
  }
};

/// The end of a column of outputs, for any type and epilogue: rolled up through shared memory, so
/// that it is compiled once. Outputs that may be none of the definition's are formed again by it.
template <typename Acc, int rows>
__device__ __forceinline__ void finish_column(const Arguments& a, const TileIndex& at,
                                              bool separable, std::int64_t z, std::int64_t y,
                                              std::int64_t x, int height, Shared<Acc> kept,
                                              const Vec<Acc, 1> (&sum)[rows]) {
  const Geometry& g = a.geometry;
#pragma unroll
  for (int m = 0; m < rows; ++m) kept[m * threads] = Acc{sum[m][0]};
#pragma unroll 1
  for (int m = 0; m < height; ++m) {
    Acc value = kept[m * threads];
    if (!separable || !is_finite(value)) value = sum_of_terms<Acc>(a, at, z, y + m, x);
    finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                   at.y_image + z * g.axis[0].y_stride + (y + m) * g.axis[1].y_stride +
                       x * g.axis[2].y_stride);
  }
}

/// Forms the outputs of a thread again by the definition: all of them, or those that are stored as
/// no numbers.
template <typename Acc, int rows>
__device__ __forceinline__ void mend_columns(const Arguments& a, const TileIndex& at,
                                             bool separable, int slices) {
  const Geometry& g = a.geometry;
  const std::int64_t x = at.x + static_cast<int>(threadIdx.x) % tile_columns;
  const std::int64_t y = at.y + static_cast<int>(threadIdx.x) / tile_columns * rows;
  const auto results = a.y.template as<Acc>() + at.y_image;
#pragma unroll 1
  for (int i = 0; i < slices * rows; ++i) {
    const std::int64_t row = y + i % rows, slice = at.z + i / rows;
    if (row >= g.axis[1].output || x >= g.axis[2].output) continue;
    const std::int64_t to =
        slice * g.axis[0].y_stride + row * g.axis[1].y_stride + x * g.axis[2].y_stride;
    if (separable) {
      const Acc stored = results[to];
      if (is_finite(stored)) continue;
    }
    results[to] = sum_of_terms<Acc>(a, at, slice, row, x);
  }
}

/// Loads slice `z` of the extended input, or what stands in its place.
template <typename Acc>
__device__ __forceinline__ void load_slice(const Arguments& a, const VolumeTiling& s,
                                           StageMap<Acc>& map, std::int64_t image, int z,
                                           Shared<Acc> stage, int size) {
  const AxisGeometry& az = a.geometry.axis[0];
  const auto code = static_cast<int>(map_index(az, z));
  if (code >= 0) {
    map.image = image + code * az.x_stride;
    load_stage(a, s, map, stage);
    return;
  }
  const Acc value = map_constant<Acc>(az, code);
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < size; i += threads) stage[i] = value;
}

/// Sums the rows of a slice into lines.
template <typename Acc>
__device__ __forceinline__ void sum_slice_rows(const VolumeTiling& s, Shared<Acc> stage,
                                               Shared<Acc> taps, int count, Shared<Acc> lines) {
  constexpr int run = 2 * Shape<sizeof(Acc)>::vector;  // registers are for the open sums
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < tile_columns / run * s.ring_rows; i += threads) {
    const int line = i % s.ring_rows;
    const int column = i / s.ring_rows * run;
    Acc sum[run] = {};
    sum_row(stage + (line * s.stage_pitch + column), taps, count, sum);
    store_run(lines + (line * s.ring_pitch + column), sum);
  }
}

/// Stores a column of outputs as they are; what is no number shows in `checked`.
template <typename Acc, int rows>
__device__ __forceinline__ void store_column(Global<Acc> to, std::int64_t stride, int height,
                                             const Vec<Acc, 1> (&sum)[rows], Acc& checked) {
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    if (m < height) to[0] = sum[m][0];
    checked = multiply_add(Acc{}, Acc{sum[m][0]}, checked);
    to = to + stride;
  }
}

/// Filters of three axes that are outer products, one input channel for each output, all axes in
/// one pass. A block walks through the slices of a tile of 64 columns:
///
///     stage   a slice of x with the filter's reach, through the boundary map, two slices ahead
///     lines   its sums along the rows: a lane owns a row, a thread 64 bytes of neighbours of it
///     y       sums of the lines down a column go into the open sums along the first axis, which
///             stay in registers: a thread owns a column of `rows` outputs of every slice
///
/// Of f32 512^3, 9 x 9 x 9, tiles of 32 x 64, two deep:
///
///     bytes       537 MB read and 1.6 % again where tiles meet in depth, 537 MB written: 1082 MB;
///                 288 us at 0.88 of 4.27 TB/s. The 48 % of a slice that tiles share come from L2
///     FMA         9 x 1.25 + 9 + 9 + 1 of an output: 4.1e9; 123 us at 132 x 128 x 1.98 GHz
///     wavefronts  of 32 outputs: x 1.5, rows 3.2, lines 1.3, columns 2.3: 8.3;
///                 150 us. Asserted: 1.1 of those without conflicts
///     limit       251 us, the bytes at 4.27 TB/s
///     predicted   293 us with launch and factors, not measured yet; target 330
///
///   grid    x: tiles in the order of tile_index, as often as needed
///   block   threads
///   shared  volume_shared_bytes(geometry, sizeof(Acc))
template <typename Acc, int depth, bool plain>
__global__ void __launch_bounds__(threads, resident_tiles(sizeof(Acc)))
    volume_kernel(const __grid_constant__ Arguments a, const __grid_constant__ VolumeTiling s) {
  constexpr int rows = open_rows(sizeof(Acc), depth, plain);
  using Mine = Shape<sizeof(Acc)>;
  const Geometry& g = a.geometry;
  const AxisGeometry& az = g.axis[0];
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const int thread = static_cast<int>(threadIdx.x);
  SharedMemory memory;
  const int stage_size = s.ring_rows * s.stage_pitch;
  const Shared<Acc> stage = memory.take<Acc>(stages * stage_size);
  const Shared<Acc> lines = memory.take<Acc>(s.ring_rows * s.ring_pitch);
  const int row_taps = static_cast<int>(ax.filter) + s.shift;
  const int padded_y = static_cast<int>(padded_taps(ay.filter, 0, Mine::vector));
  const int padded_x = static_cast<int>(padded_taps(ax.filter, s.shift, Mine::vector));
  const Shared<Acc> taps_y = memory.take<Acc>(padded_y);
  const Shared<Acc> taps_x = memory.take<Acc>(padded_x);
  const Shared<Acc> taps_z = memory.take<Acc>(depth);
  StageMap<Acc> map;
  map.columns = memory.take<int>(s.stage_columns);
  map.rows = memory.take<int>(s.ring_rows);
  map.count = s.ring_rows;
  // Taps of 0 before the first meet open sums that have met nothing yet.
  const int before = depth - static_cast<int>(az.filter);
  const Factors<Acc> factors{{taps_z + before, taps_y, taps_x + s.shift}};

  for (std::int64_t number = blockIdx.x; number < s.tiles; number += gridDim.x) {
    const TileIndex at = tile_index(g, s, number);
    const int slices = static_cast<int>(min(s.depth, az.output - at.z));
    const int inputs = slices + static_cast<int>(az.filter) - 1;
    const int top = static_cast<int>(at.z - az.pad_lo);
    const int last_row = s.rows + static_cast<int>(ay.filter) - 1;
    map.first = static_cast<int>(at.x - ax.pad_lo) - s.shift;
    __syncthreads();  // the tile before is done
    map_columns(ax, s, map);
#pragma unroll 1
    for (int i = thread; i < s.ring_rows; i += threads) {
      map.rows[i] =
          i < last_row ? static_cast<int>(map_index(ay, at.y - ay.pad_lo + i)) : map_nothing;
    }
    pad_taps(taps_y, 1, padded_y, 0, static_cast<int>(ay.filter));
    pad_taps(taps_x, 1, padded_x, s.shift, row_taps);
    if (thread < before) taps_z[thread] = Acc{};
    __syncthreads();
    const bool separable = get_factors<Acc, false>(a, at.k, factors);
    OpenSums<Acc, depth, rows> open{};
    Acc checked{};  // stays 0 while all sums are numbers; of integers it always does
#pragma unroll 1
    for (int slice = 1 - stages; slice < inputs && (separable || !plain); ++slice) {
      if (slice >= 0) {
        copy_async_wait<stages - 2>();
        __syncthreads();  // the slice before has read the lines and its stage
      }
      if (slice + stages - 1 < inputs) {
        const int arriving = slice + stages - 1;
        load_slice(a, s, map, at.x_image, top + arriving, stage + arriving % stages * stage_size,
                   stage_size);
      }
      copy_async_commit();
      if (slice < 0) continue;
      const Shared<Acc> from = stage + slice % stages * stage_size;
      if (separable) sum_slice_rows(s, from, taps_x, row_taps, lines);
      __syncthreads();
      const int column = thread % tile_columns;
      const int first = thread / tile_columns * rows;
      Vec<Acc, 1> sum[rows] = {};
      if (separable) {
        const RingCursor<Acc> cursor{lines + column, first * s.ring_pitch, s.ring_pitch, 0};
        sum_column(cursor, taps_y, static_cast<int>(ay.filter), sum);
        open.add(taps_z, sum);
      }
      const int done = slice - static_cast<int>(az.filter) + 1;
      const std::int64_t y = at.y + first, x = at.x + column;
      const int height = static_cast<int>(min(std::int64_t{rows}, ay.output - y));
      if (done < 0 || height <= 0 || x >= ax.output) continue;
      if constexpr (plain) {
        store_column(a.y.template as<Acc>() + (at.y_image + (at.z + done) * az.y_stride +
                                               y * ay.y_stride + x * ax.y_stride),
                     ay.y_stride, height, sum, checked);
      } else {  // the slice has been summed: its memory is free
        finish_column<Acc>(a, at, separable, at.z + done, y, x, height, from + thread, sum);
      }
    }
    if constexpr (plain) {
      if (separable && checked == 0) continue;
      mend_columns<Acc, rows>(a, at, separable, slices);
    }
  }
}

}  // namespace faltung::cuda::separable

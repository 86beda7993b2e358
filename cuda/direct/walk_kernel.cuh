#pragma once

#include "cuda/direct/walk_rows.cuh"

namespace faltung::cuda::direct {

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

/// The taps of channel k, each loaded by one lane; `shared` has room for all.
template <int size, typename Acc>
__device__ __forceinline__ void load_walk_taps(const Arguments& a, std::int64_t k, int lane,
                                               Shared<Acc> shared, Acc (&w)[size][size]) {
#pragma unroll 1
  for (int i = lane; i < size * size; i += 32) {
    shared[i] = tap_at<Acc>(a, k, 0, 0, i / size, i % size);
  }
  __syncwarp();
#pragma unroll
  for (int r = 0; r < size; ++r) {
#pragma unroll
    for (int s = 0; s < size; ++s) w[r][s] = shared[r * size + s];
  }
  __syncwarp();  // the memory is used again
}

/// Direct convolution by one filter of size x size taps, one input channel for each output. A warp
/// walks down a strip; a lane owns walk_columns neighbouring columns and keeps `size` partial sums
/// of each, so that every input is read once and every output stored once. Rows come to a ring in
/// shared memory that is the warp's own, walk_ring() - 1 of them ahead, and a lane reads its own
/// columns and its neighbours' from there: 12 wavefronts a row of f32. Taps stay in registers.
/// Elements of the input are In: accumulators, or integers of one or two bytes. Unless `general`,
/// its vectors are aligned and the sums are stored as they are.
///
///   grid    x: groups of walk_warps strips in the order of tile_index, as often as needed
///   block   32 x walk_warps
template <typename Acc, typename In, int size, bool general>
__global__ void __launch_bounds__(32 * walk_warps, walk_blocks(size, sizeof(Acc), general))
    walk_kernel(const __grid_constant__ Arguments a, const __grid_constant__ WalkTiling t) {
  constexpr int half = size / 2;
  constexpr int slots = walk_ring(size);
  constexpr int ahead = slots - 1;
  constexpr int map_size = walk_rows + size - 1;
  constexpr int ring_row = WalkRing<In>::row;
  constexpr int stage_size = general ? size * walk_strip : size * size;
  FALTUNG_SHARED(In, rings, walk_warps * slots * ring_row);
  FALTUNG_SHARED(int, map_rows, walk_warps* map_size);
  FALTUNG_SHARED(int, map_columns, walk_warps * 32 * 2 * walk_columns);
  FALTUNG_SHARED(Acc, stages, walk_warps * stage_size);
  const int warp = static_cast<int>(threadIdx.y);
  const WalkMap map{map_rows + warp * map_size,
                    map_columns + warp * 32 * 2 * walk_columns + static_cast<int>(threadIdx.x)};
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const Shared<In> ring = rings + warp * slots * ring_row;
  const Shared<Acc> stage = stages + warp * stage_size;
  const int sign = a.x_type == DType::i16 ? 0x8000 : a.x_type == DType::i8 ? 0x80 : 0;
  for (std::int64_t number = std::int64_t{blockIdx.x} * walk_warps + warp; number < t.tiles;
       number += std::int64_t{gridDim.x} * walk_warps) {
    const TileIndex at = tile_index(a.geometry, t, number);
    const int outputs = static_cast<int>(min(std::int64_t{t.rows}, ay.output - at.y));
    const int rows = outputs + size - 1;
    Walk<In> walk = start_walk<half, In>(a, at, rows, map);
#pragma unroll 1
    for (int i = 0; i < ahead; ++i) {
      copy_row<general>(a, at, walk, i, rows, ring + i * ring_row);
      copy_async_commit();
    }
    Acc w[size][size];
    load_walk_taps<size>(a, at.k, walk.lane, stage, w);
    const std::int64_t columns_left = ax.output - at.x - walk.lane * walk_columns;
    const int columns =
        static_cast<int>(max(std::int64_t{0}, min(std::int64_t{walk_columns}, columns_left)));
    const bool any_framed = general && __any_sync(0xffffffffu, walk.framed ? 1 : 0) != 0;
    Acc sum[size][walk_columns] = {};
    Acc checked{};  // stays 0 while all sums are finite
    const Global<Acc> first_y =
        a.y.template as<Acc>() + (at.y_image + at.z * a.geometry.axis[0].y_stride +
                                  at.y * ay.y_stride + at.x + walk.lane * walk_columns);
    Global<Acc> y = first_y;
    for (int first = 0; first < rows; first += slots) {
#pragma unroll
      for (int slot = 0; slot < slots; ++slot) {
        const int i = first + slot;
        if (i >= rows) break;
        copy_async_wait<ahead - 1>();
        __syncwarp();  // the row is there, and the one before has been read
        copy_row<general>(a, at, walk, i + ahead, rows, ring + (slot + ahead) % slots * ring_row);
        copy_async_commit();
        Acc x[walk_columns + 2 * half];
        read_row<half, Acc, In>(ring + slot * ring_row, walk.lane, sign, x);
#pragma unroll
        for (int r = 0; r < size; ++r) {  // output row i - r
          Acc(&to)[walk_columns] = sum[(slot - r + size) % size];
#pragma unroll
          for (int v = 0; v < walk_columns; ++v) {
            if (r == 0) to[v] = Acc{};
#pragma unroll
            for (int s = 0; s < size; ++s) to[v] = multiply_add(w[r][s], x[v + s], to[v]);
          }
        }
        const Acc(&done)[walk_columns] = sum[(slot + 1) % size];
        if constexpr (general) {
          if (i >= size - 1) stage_row(stage + slot % size * walk_strip, walk.lane, done);
          if (slot % size == size - 1 || i == rows - 1) {
            const int from = i - slot % size - size + 1;
            finish_rows<Acc>(a, at, any_framed, from, min(outputs, from + size), stage);
          }
        } else if (i >= size - 1) {
          store_row(y, columns, done);
          y = y + ay.y_stride;
#pragma unroll
          for (int v = 0; v < walk_columns; ++v) {
            checked = multiply_add(Acc{}, done[v], checked);
          }
        }
      }
    }
    if constexpr (!general) {
      if (walk.framed && checked != 0) mend(a, at, first_y, outputs, columns);
    }
  }
}

}  // namespace faltung::cuda::direct

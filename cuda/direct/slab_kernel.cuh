#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/slab_policy.hpp"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::direct {

/// The window of a tile in slice 0.
template <int size>
__device__ __forceinline__ TileSource<float> slab_source(const Arguments& a, const TileIndex& at) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  TileSource<float> source{a.x.template as<const float>() + at.x_image, a.geometry.axis, 0,
                           static_cast<int>(at.y - ay.pad_lo),
                           static_cast<int>(at.x - ax.pad_lo) - (slab_columns - size / 2)};
  source.aligned = ay.x_stride % 4 == 0 && a.geometry.axis[0].x_stride % 4 == 0 &&
                   is_aligned(source.image + source.offset());
  source.interior = source.holds(slab_rows + size - 1, slab_window);
  return source;
}

/// Brings slice `z` of the window into shared memory.
template <int size, bool stepped>
__device__ __forceinline__ void load_slice(TileSource<float> source, int z, Shared<float> window) {
  source.z = z;
  load_tile<4, Mapping::called, Zeros::mapped, stepped>(
      source, slab_rows + size - 1, slab_window / 4, warp_thread(), slab_threads,
      [&](int row, int i) { return window + (row * slab_window + 4 * i); });
  copy_async_commit();
}

/// Taps of one row of all slices of the filter, padded to vectors.
template <int size>
inline constexpr int slab_pitch = (size * size + 3) / 4 * 4;

/// Taps in shared memory as [row][slice][column].
template <int size>
__device__ __forceinline__ void load_cube(const Arguments& a, std::int64_t k, Shared<float> taps) {
  constexpr int pitch = slab_pitch<size>;
  for (int i = warp_thread(); i < size * pitch; i += slab_threads) {
    const int tap = i % pitch;
    taps[i] = tap < size * size ? tap_at<float>(a, k, 0, tap / size, i / pitch, tap % size) : 0.0f;
  }
}

/// One slice of the input into the sums of the `size` outputs along the depth that it meets: that
/// of output i - q is sum[(phase - q) % size].
template <int size>
__device__ __forceinline__ void add_slice(float (&sum)[size][slab_lane_rows][slab_columns],
                                          int phase, Shared<const float> window,
                                          Shared<const float> taps) {
  constexpr int pitch = slab_pitch<size>;
#pragma unroll 1
  for (int r = 0; r < size; ++r) {
    float x[slab_lane_rows][3 * slab_columns];
#pragma unroll
    for (int m = 0; m < slab_lane_rows; ++m) {
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        const auto vector = window.template load<4>((r + m) * slab_window + 4 * i);
#pragma unroll
        for (int v = 0; v < 4; ++v) x[m][4 * i + v] = vector[v];
      }
    }
    float w[pitch];
#pragma unroll
    for (int i = 0; i < pitch; i += 4) {
      const auto vector = taps.template load<4>(r * pitch + i);
#pragma unroll
      for (int v = 0; v < 4; ++v) w[i + v] = vector[v];
    }
#pragma unroll
    for (int q = 0; q < size; ++q) {
      float(&to)[slab_lane_rows][slab_columns] = sum[(phase - q + size) % size];
#pragma unroll
      for (int s = 0; s < size; ++s) {
#pragma unroll
        for (int m = 0; m < slab_lane_rows; ++m) {
#pragma unroll
          for (int v = 0; v < slab_columns; ++v) {
            to[m][v] =
                multiply_add(w[q * size + s], x[m][slab_columns - size / 2 + v + s], to[m][v]);
          }
        }
      }
    }
  }
}

/// Where row `row` of the outputs of a warp begins in y, in the slice of `at`.
__device__ __forceinline__ std::int64_t slab_output(const Geometry& g, const TileIndex& at,
                                                    std::int64_t row) {
  return at.y_image + at.z * g.axis[0].y_stride + (at.y + row) * g.axis[1].y_stride +
         at.x * g.axis[2].y_stride;
}

/// Sums that an infinite tap spoilt where nothing stands are formed again, by the definition.
__device__ __noinline__ inline void mend_slab(const Arguments& a, const SlabTiling& t,
                                              std::int64_t number) {
  const Geometry& g = a.geometry;
  const TileIndex at = tile_index(g, t, number);
  const std::int64_t column = at.x + static_cast<int>(threadIdx.x) * slab_columns;
#pragma unroll 1
  for (int m = 0; m < slab_lane_rows; ++m) {
    const int row = static_cast<int>(threadIdx.y) * slab_lane_rows + m;
    if (at.y + row >= g.axis[1].output) return;
#pragma unroll 1
    for (TileIndex place = at; place.z < min(at.z + t.depth, g.axis[0].output); ++place.z) {
      const Global<float> to = a.y.template as<float>() + (slab_output(g, place, row) - at.x);
#pragma unroll 1
      for (std::int64_t x = column; x < min(column + slab_columns, g.axis[2].output); ++x) {
        const float value = to[x];
        if (!is_finite(value)) to[x] = sum_of_terms<float>(a, place, at.y + row, x);
      }
    }
  }
}

/// Stores the rows of a warp, whatever their type, from `stage` through the epilogue; `depth` is
/// that of the slice in the slab. A function of its own, so that the walk keeps its registers.
__device__ __noinline__ inline void finish_slice(const Arguments& a, const TileIndex& slab,
                                                 int depth, Shared<float> stage) {
  __syncwarp();
  TileIndex at = slab;
  at.z += depth;
  const AxisGeometry& ax = a.geometry.axis[2];
  const int count = static_cast<int>(min(std::int64_t{slab_width}, ax.output - at.x));
#pragma unroll 1
  for (int m = 0; m < slab_lane_rows; ++m) {
    const int row = static_cast<int>(threadIdx.y) * slab_lane_rows + m;
    if (at.y + row >= a.geometry.axis[1].output) break;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) {
      float value = stage[m * slab_width + i];
      if (!is_finite(value)) value = sum_of_terms<float>(a, at, at.y + row, at.x + i);
      finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                     slab_output(a.geometry, at, row) + i * ax.y_stride);
    }
  }
  __syncwarp();  // the stage has been read
}

/// Each sum takes the place of the one before it, the first that of the last.
template <int size>
__device__ __forceinline__ void move_on(float (&sum)[size][slab_lane_rows][slab_columns]) {
#pragma unroll
  for (int m = 0; m < slab_lane_rows; ++m) {
#pragma unroll
    for (int v = 0; v < slab_columns; ++v) {
      const float first = sum[0][m][v];
#pragma unroll
      for (int j = 0; j + 1 < size; ++j) sum[j][m][v] = sum[j + 1][m][v];
      sum[size - 1][m][v] = first;
    }
  }
}

/// The first `columns` outputs of a lane in one row.
__device__ __forceinline__ void store_slice(Global<float> y, int columns,
                                            const float (&sum)[slab_columns]) {
  if (columns == slab_columns && is_aligned(y)) {
    y.template store<4>(0, {{sum[0], sum[1], sum[2], sum[3]}});
    return;
  }
#pragma unroll
  for (int v = 0; v < slab_columns; ++v) {
    if (v < columns) y[v] = sum[v];
  }
}

/// A cube of size^3 taps over volumes of floats: slices of the input pass through shared memory
/// once, the next two on their way while one is summed. Unless `general`, sums are stored as they
/// are in rows of neighbours.
///
///   grid    x: slabs in the order of tile_index, as often as needed
///   block   32 x slab_warps
template <int size, bool general>
__global__ void __launch_bounds__(slab_threads, slab_residents(general))
    slab_kernel(const __grid_constant__ Arguments a, const __grid_constant__ SlabTiling t) {
  constexpr int slice = (slab_rows + size - 1) * slab_window;
  // Sums take turns in `size` places, or move on after each slice, so that there is one call.
  constexpr int phases = general ? 1 : size;
  constexpr int stage_rows = slab_lane_rows * slab_width;  // of a warp
  FALTUNG_SHARED(float, windows, 3 * slice);
  FALTUNG_SHARED(float, taps, size* slab_pitch<size>);
  FALTUNG_SHARED(float, stages, general ? slab_warps* stage_rows : 1);
  FALTUNG_SHARED(TileIndex, places, 1);
  const Geometry& g = a.geometry;
  const int lane = static_cast<int>(threadIdx.x);
  const int warp = static_cast<int>(threadIdx.y);
  const int row = warp * slab_lane_rows;
  for (std::int64_t number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    __syncthreads();  // the slab before has been summed
    if (warp_thread() == 0) places[0] = tile_index(g, t, number);
    __syncthreads();
    const TileSource<float> source = slab_source<size>(a, places[0]);
    const int top = static_cast<int>(TileIndex(places[0]).z - g.axis[0].pad_lo);
    load_cube<size>(a, TileIndex(places[0]).k, taps);
    load_slice<size, slab_steps(size, general)>(source, top, windows);
    load_slice<size, slab_steps(size, general)>(source, top + 1, windows + slice);
    const int depth = static_cast<int>(min(t.depth, g.axis[0].output - TileIndex(places[0]).z));
    const int slices = depth + size - 1;
    const auto within = [](std::int64_t end, std::int64_t count) {
      return static_cast<int>(max(std::int64_t{0}, min(end, count)));
    };
    const int columns =
        within(slab_columns, g.axis[2].output - TileIndex(places[0]).x - lane * slab_columns);
    const int rows = within(slab_lane_rows, g.axis[1].output - TileIndex(places[0]).y - row);
    Global<float> y =
        a.y.template as<float>() + (slab_output(g, places[0], row) + lane * slab_columns);
    float sum[size][slab_lane_rows][slab_columns] = {};
    float checked = 0;  // stays 0 while all sums are finite
    int buffer = 0;
#pragma unroll 1
    for (int first = 0; first < slices; first += phases) {
#pragma unroll
      for (int phase = 0; phase < phases; ++phase) {
        const int i = first + phase;
        if (i >= slices) break;
        copy_async_wait<1>();
        __syncthreads();  // this slice is whole, the one before has been read
        const Shared<const float> window =
            windows + (buffer + row * slab_window + lane * slab_columns);
        const int before = buffer == 0 ? 2 * slice : buffer - slice;
        if (i + 2 < slices) {
          load_slice<size, slab_steps(size, general)>(source, top + i + 2, windows + before);
        } else {
          copy_async_commit();
        }
        buffer = buffer == 2 * slice ? 0 : buffer + slice;
#pragma unroll
        for (int m = 0; m < slab_lane_rows; ++m) {
#pragma unroll
          for (int v = 0; v < slab_columns; ++v) sum[phase][m][v] = 0;
        }
        add_slice<size>(sum, phase, window, taps);
        if (!general && i < size - 1) continue;
        const float(&done)[slab_lane_rows][slab_columns] = sum[(phase + 1) % size];
        if constexpr (general) {
          const Shared<float> stage = stages + warp * stage_rows;
#pragma unroll
          for (int m = 0; m < slab_lane_rows; ++m) {
            stage.template store<4>(m * slab_width + lane * slab_columns,
                                    {{done[m][0], done[m][1], done[m][2], done[m][3]}});
          }
          if (i >= size - 1) finish_slice(a, places[0], i - size + 1, stage);
          move_on<size>(sum);
        } else {
#pragma unroll
          for (int m = 0; m < slab_lane_rows; ++m) {
            if (m < rows) store_slice(y + m * g.axis[1].y_stride, columns, done[m]);
#pragma unroll
            for (int v = 0; v < slab_columns; ++v) checked += done[m][v] - done[m][v];
          }
          y = y + g.axis[0].y_stride;
        }
      }
    }
    if (!general && checked != 0) mend_slab(a, t, number);
  }
}

}  // namespace faltung::cuda::direct

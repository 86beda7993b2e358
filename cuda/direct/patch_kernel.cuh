#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::direct {

/// The first output of a thread within its tile.
__device__ __forceinline__ int patch_row() {
  return static_cast<int>(threadIdx.x) / patch_lanes * patch_rows;
}
__device__ __forceinline__ int patch_column() {
  return (static_cast<int>(threadIdx.y) * patch_lanes +
          static_cast<int>(threadIdx.x) % patch_lanes) *
         patch_columns;
}

/// Starts to bring slice `z` of the window of a tile into shared memory.
template <int width>
__device__ __forceinline__ void load_patch_window(const Arguments& a, const PatchTiling& t,
                                                  const TileIndex& at, std::int64_t channel, int z,
                                                  Shared<float> window) {
  constexpr int vectors = patch_window(width);
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  TileSource<float> source{a.x.template as<const float>() + channel, a.geometry.axis, z,
                           static_cast<int>(at.y - ay.pad_lo),
                           static_cast<int>(at.x - ax.pad_lo) - t.lead - patch_shift(width)};
  source.aligned = ay.x_stride % 4 == 0 && is_aligned(source.image + source.offset());
  source.interior = source.holds(t.window_rows, 4 * vectors);
  load_tile<4, Mapping::called, Zeros::mapped>(
      source, t.window_rows, vectors, warp_thread(), patch_threads,
      [&](int row, int i) { return window + (row * patch_pitch(width) + 4 * i); });
  copy_async_commit();
}

/// Taps of one slice in shared memory, rows of patch_tap_pitch, zeros in the leading columns.
template <int width>
__device__ __forceinline__ void load_patch_taps(const Arguments& a, const PatchTiling& t,
                                                std::int64_t k, std::int64_t c, std::int64_t z,
                                                Shared<float> taps) {
  constexpr int pitch = patch_tap_pitch(width);
  const int count = t.taps_size;
  for (int i = warp_thread(); i < count; i += patch_threads) {
    const int column = i % pitch - t.lead;
    taps[i] = column >= 0 && column < a.geometry.axis[2].filter
                  ? tap_at<float>(a, k, c, z, i / pitch, column)
                  : 0.0f;
  }
}

/// One slice of the filter on the patch of a thread. `x` is a ring of the input rows that the
/// patch meets with one row of the filter.
template <int width>
__device__ __forceinline__ void add_patch(float (&sum)[patch_rows][patch_columns], int rows,
                                          Shared<const float> window, Shared<const float> taps) {
  constexpr int vectors = patch_vectors(width);
  float x[patch_rows][4 * vectors];
  const auto load_row = [&](float(&to)[4 * vectors], int row) {
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
      const auto vector = window.template load<4>(row * patch_pitch(width) + 4 * i);
#pragma unroll
      for (int v = 0; v < 4; ++v) to[4 * i + v] = vector[v];
    }
  };
#pragma unroll
  for (int m = 0; m + 1 < patch_rows; ++m) load_row(x[m], m);
#pragma unroll 1
  for (int first = 0; first < rows; first += patch_rows) {
#pragma unroll
    for (int phase = 0; phase < patch_rows; ++phase) {
      const int r = first + phase;
      if (r >= rows) break;
      load_row(x[(phase + patch_rows - 1) % patch_rows], r + patch_rows - 1);
#pragma unroll
      for (int q = 0; q < width; q += 4) {
        const auto w = taps.template load<4>(r * patch_tap_pitch(width) + q);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (q + j >= width) break;
#pragma unroll
          for (int m = 0; m < patch_rows; ++m) {
#pragma unroll
            for (int v = 0; v < patch_columns; ++v) {
              sum[m][v] = multiply_add(
                  w[j], x[(phase + m) % patch_rows][patch_shift(width) + q + j + v], sum[m][v]);
            }
          }
        }
      }
    }
  }
}

/// Whole vectors straight from the registers.
__device__ __forceinline__ void store_patch(const Arguments& a, Global<float> y,
                                            const float (&sum)[patch_rows][patch_columns]) {
#pragma unroll
  for (int m = 0; m < patch_rows; ++m) {
#pragma unroll
    for (int v = 0; v < patch_columns; v += 4) {
      y.template store<4>(m * a.geometry.axis[1].y_stride + v,
                          {{sum[m][v], sum[m][v + 1], sum[m][v + 2], sum[m][v + 3]}});
    }
  }
}

/// Any result: the sums of a tile, staged in rows of patch_tile_columns, through the epilogue.
__device__ __noinline__ inline void finish_patches(const Arguments& a, const TileIndex& at,
                                                   Shared<float> stage) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
#pragma unroll 1
  for (int i = warp_thread(); i < patch_tile_rows * patch_tile_columns; i += patch_threads) {
    const std::int64_t y = at.y + i / patch_tile_columns;
    const std::int64_t x = at.x + i % patch_tile_columns;
    if (y >= ay.output || x >= ax.output) continue;
    float value = stage[i];
    if (!is_finite(value)) value = sum_of_terms<float>(a, at, y, x);
    finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                   at.y_image + at.z * g.axis[0].y_stride + y * ay.y_stride + x * ax.y_stride);
  }
}

/// Filters of `width` columns, or one less, and any number of rows over floats, bound by
/// multiply-adds. A block sums a tile of one output channel; for each input channel and slice of
/// the filter, the window of the input and the taps lie in shared memory.
///
///   grid    x: tiles in the order of tile_index, as often as needed
///   block   32 x patch_warps
///   shared  t.window_size + t.taps_size floats
template <int width>
__global__ void __launch_bounds__(patch_threads, patch_residents)
    patch_kernel(const __grid_constant__ Arguments a, const __grid_constant__ PatchTiling t) {
  static_assert(patch_pitch(width) % 8 == 4 &&
                patch_shift(width) + width + patch_columns - 1 <= 4 * patch_vectors(width));
  const Geometry& g = a.geometry;
  const AxisGeometry& az = g.axis[0];
  SharedMemory memory;
  const Shared<float> window = memory.take<float>(t.window_size);
  const Shared<float> taps = memory.take<float>(t.taps_size);
  for (std::int64_t number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    const TileIndex at = tile_index(g, t, number);
    float sum[patch_rows][patch_columns] = {};
#pragma unroll 1
    for (std::int64_t c = 0; c < g.group_inputs; ++c) {
      const std::int64_t channel = at.x_image + c * g.x_channel;
#pragma unroll 1
      for (std::int64_t q = 0; q < az.filter; ++q) {
        const std::int64_t z = at.z * az.stride + q * az.dilation - az.pad_lo;
        if (place_along(az, Place{}, z).what == Stands::nothing) continue;
        __syncthreads();  // the window before has been read
        load_patch_window<width>(a, t, at, channel, static_cast<int>(z), window);
        load_patch_taps<width>(a, t, at.k, c, q, taps);
        copy_async_wait<0>();
        __syncthreads();
        add_patch<width>(sum, static_cast<int>(g.axis[1].filter),
                         window + (patch_row() * patch_pitch(width) + patch_column()), taps);
      }
    }
    float checked = 0;  // stays 0 while all sums are finite
#pragma unroll
    for (int m = 0; m < patch_rows; ++m) {
#pragma unroll
      for (int v = 0; v < patch_columns; ++v) checked += sum[m][v] - sum[m][v];
    }
    const Global<float> y = a.y.template as<float>() +
                            (at.y_image + at.z * az.y_stride +
                             (at.y + patch_row()) * g.axis[1].y_stride + at.x + patch_column());
    const bool direct = checked == 0 && a.epilogue.plain && a.y_type == DType::f32 &&
                        g.axis[2].y_stride == 1 && g.axis[1].y_stride % 4 == 0 &&
                        at.y + patch_tile_rows <= g.axis[1].output &&
                        at.x + patch_tile_columns <= g.axis[2].output && is_aligned(y);
    if (__syncthreads_and(direct ? 1 : 0) != 0) {
      store_patch(a, y, sum);
      continue;
    }
#pragma unroll
    for (int m = 0; m < patch_rows; ++m) {
#pragma unroll
      for (int v = 0; v < patch_columns; v += 4) {
        window.template store<4>((patch_row() + m) * patch_tile_columns + patch_column() + v,
                                 {{sum[m][v], sum[m][v + 1], sum[m][v + 2], sum[m][v + 3]}});
      }
    }
    __syncthreads();
    finish_patches(a, at, window);
  }
}

}  // namespace faltung::cuda::direct

#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/slab_policy.hpp"
#include "cuda/primitives/async_copy.cuh"

namespace faltung::cuda::direct {

__device__ __forceinline__ int slab_thread() {
  return static_cast<int>(threadIdx.y) * 32 + static_cast<int>(threadIdx.x);
}

/// Offset of the channel of a tile in x.
__device__ __forceinline__ std::int64_t slab_channel(const Geometry& g, const TileIndex& at) {
  return at.x_image + at.k / g.group_outputs * g.x_channel;
}

/// Four neighbours through the boundary map; in a function of its own, so that the walk keeps its
/// registers.
__device__ __noinline__ void map_vector(const Arguments& a, std::int64_t channel, int z, int row,
                                        int column, Shared<float> to) {
  const Geometry& g = a.geometry;
  const Place line = place_along(g.axis[1], place_along(g.axis[0], Place{}, z), row);
#pragma unroll 1
  for (int v = 0; v < 4; ++v) {
    const Place place = place_along(g.axis[2], line, column + v);
    if (place.what == Stands::element) {
      copy_async<4>(to + v, a.x.template as<const float>() + (channel + place.offset));
    } else {
      to[v] = place.what == Stands::constant ? constant_of<float>(*place.side) : 0.0f;
    }
  }
}

/// Brings slice `z` of the window into shared memory, 16 bytes at a time where they are elements at
/// a multiple of 16 bytes, else one by one through the boundary map.
template <int size>
__device__ __forceinline__ void load_slice(const Arguments& a, const TileIndex& at, int z,
                                           Shared<float> window) {
  constexpr int vectors = slab_window / 4;
  const AxisGeometry& az = a.geometry.axis[0];
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const std::int64_t channel = slab_channel(a.geometry, at);
  const bool inside = z >= 0 && z < az.input;
  const Global<const float> x = a.x.template as<const float>();
#pragma unroll 1
  for (int i = slab_thread(); i < (slab_rows + size - 1) * vectors; i += 32 * slab_rows) {
    const std::int64_t row = at.y - ay.pad_lo + i / vectors;
    const std::int64_t column = at.x - slab_columns + i % vectors * 4;
    const Global<const float> from = x + (channel + z * az.x_stride + row * ay.x_stride + column);
    const Shared<float> to = window + i * 4;
    if (inside && row >= 0 && row < ay.input && column >= 0 && column + 4 <= ax.input &&
        reinterpret_cast<std::uintptr_t>(from.data()) % 16 == 0) {
      copy_async<16>(to, from);
      continue;
    }
    map_vector(a, channel, z, static_cast<int>(row), static_cast<int>(column), to);
  }
  copy_async_commit();
}

/// Taps of one row of all slices of the filter, padded to vectors.
template <int size>
inline constexpr int slab_pitch = (size * size + 3) / 4 * 4;

/// Taps in shared memory as [row][slice][column].
template <int size>
__device__ __forceinline__ void load_cube(const Arguments& a, std::int64_t k, Shared<float> taps) {
  constexpr int pitch = slab_pitch<size>;
  for (int i = slab_thread(); i < size * pitch; i += 32 * slab_rows) {
    const int tap = i % pitch;
    taps[i] = tap < size * size ? tap_at<float>(a, k, 0, tap / size, i / pitch, tap % size) : 0.0f;
  }
}

/// One slice of the input into the sums of the `size` outputs along the depth that it meets: that
/// of output i - q is sum[(phase - q) % size].
template <int size>
__device__ __forceinline__ void add_slice(float (&sum)[size][slab_columns], int phase,
                                          Shared<const float> window, Shared<const float> taps) {
  constexpr int pitch = slab_pitch<size>;
#pragma unroll 1
  for (int r = 0; r < size; ++r) {
    float x[3 * slab_columns];
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const auto vector = window.template load<4>(r * slab_window + 4 * i);
#pragma unroll
      for (int v = 0; v < 4; ++v) x[4 * i + v] = vector[v];
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
      float(&to)[slab_columns] = sum[(phase - q + size) % size];
#pragma unroll
      for (int s = 0; s < size; ++s) {
#pragma unroll
        for (int v = 0; v < slab_columns; ++v) {
          to[v] = multiply_add(w[q * size + s], x[slab_columns - size / 2 + v + s], to[v]);
        }
      }
    }
  }
}

/// Sums that an infinite tap spoilt where nothing stands are formed again, by the definition.
__device__ __noinline__ void mend_slab(const Arguments& a, std::int64_t number) {
  const Geometry& g = a.geometry;
  const TileIndex at = tile_index(g, a.tiling, number);
  const std::int64_t y = at.y + threadIdx.y;
  const std::int64_t column = at.x + static_cast<int>(threadIdx.x) * slab_columns;
  if (y >= g.axis[1].output) return;
#pragma unroll 1
  for (TileIndex place = at; place.z < min(at.z + a.tiling.depth, g.axis[0].output); ++place.z) {
#pragma unroll 1
    for (std::int64_t x = column; x < min(column + slab_columns, g.axis[2].output); ++x) {
      const Global<float> to =
          a.y.template as<float>() + (at.y_image + at.k * g.y_channel +
                                      place.z * g.axis[0].y_stride + y * g.axis[1].y_stride + x);
      const float value = to[0];
      if (!is_finite(value)) to[0] = sum_of_terms<float>(a, place, y, x);
    }
  }
}

/// A cube of size^3 taps over volumes of floats, `same` along rows, without epilogue: slices of the
/// input pass through shared memory once, the next two on their way while one is summed.
///
///   grid    x: slabs in the order of tile_index, as often as needed
///   block   32 x slab_rows
template <int size>
__global__ void __launch_bounds__(32 * slab_rows, slab_residents)
    slab_kernel(const __grid_constant__ Arguments a) {
  constexpr int slice = (slab_rows + size - 1) * slab_window;
  FALTUNG_SHARED(float, windows, 3 * slice);
  FALTUNG_SHARED(float, taps, size* size* slab_pitch<size>);
  FALTUNG_SHARED(TileIndex, places, 1);
  const Geometry& g = a.geometry;
  const int lane = static_cast<int>(threadIdx.x);
  for (std::int64_t number = blockIdx.x; number < a.tiling.tiles; number += gridDim.x) {
    __syncthreads();  // the slab before has been summed
    if (slab_thread() == 0) places[0] = tile_index(g, a.tiling, number);
    __syncthreads();
    const int top = static_cast<int>(TileIndex(places[0]).z - g.axis[0].pad_lo);
    load_cube<size>(a, TileIndex(places[0]).k, taps);
    load_slice<size>(a, places[0], top, windows);
    load_slice<size>(a, places[0], top + 1, windows + slice);
    const int depth =
        static_cast<int>(min(a.tiling.depth, g.axis[0].output - TileIndex(places[0]).z));
    const int slices = depth + size - 1;
    const auto left = [&](std::int64_t count) {
      return static_cast<int>(max(std::int64_t{0}, min(std::int64_t{slab_columns}, count)));
    };
    int columns = left(g.axis[2].output - TileIndex(places[0]).x - lane * slab_columns);
    if (TileIndex(places[0]).y + threadIdx.y >= g.axis[1].output) columns = 0;
    Global<float> y = a.y.template as<float>();
    {
      const TileIndex at = places[0];
      y = y + (at.y_image + at.k * g.y_channel + at.z * g.axis[0].y_stride +
               (at.y + threadIdx.y) * g.axis[1].y_stride + at.x + lane * slab_columns);
    }
    float sum[size][slab_columns] = {};
    float checked = 0;  // stays 0 while all sums are finite
    int buffer = 0;
#pragma unroll 1
    for (int first = 0; first < slices; first += size) {
#pragma unroll
      for (int phase = 0; phase < size; ++phase) {
        const int i = first + phase;
        if (i >= slices) break;
        copy_async_wait<1>();
        __syncthreads();  // this slice is whole, the one before has been read
        const Shared<const float> window =
            windows + (buffer + static_cast<int>(threadIdx.y) * slab_window + lane * slab_columns);
        const int before = buffer == 0 ? 2 * slice : buffer - slice;
        if (i + 2 < slices) {
          load_slice<size>(a, places[0], top + i + 2, windows + before);
        } else {
          copy_async_commit();
        }
        buffer = buffer == 2 * slice ? 0 : buffer + slice;
#pragma unroll
        for (int v = 0; v < slab_columns; ++v) sum[phase][v] = 0;
        add_slice<size>(sum, phase, window, taps);
        if (i < size - 1) continue;
        const float(&done)[slab_columns] = sum[(phase + 1) % size];
        if (columns == slab_columns && reinterpret_cast<std::uintptr_t>(y.data()) % 16 == 0) {
          y.template store<4>(0, {{done[0], done[1], done[2], done[3]}});
        } else {
#pragma unroll
          for (int v = 0; v < slab_columns; ++v) {
            if (v < columns) y[v] = done[v];
          }
        }
        y = y + g.axis[0].y_stride;
#pragma unroll
        for (int v = 0; v < slab_columns; ++v) checked += done[v] - done[v];
      }
    }
    if (checked != 0) mend_slab(a, number);
  }
}

}  // namespace faltung::cuda::direct

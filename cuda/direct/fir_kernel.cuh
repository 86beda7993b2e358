#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/primitives/async_copy.cuh"

namespace faltung::cuda::direct {

/// Offset in x of position 0 of the row that a tile lies in.
__device__ __forceinline__ std::int64_t fir_row(const Geometry& g, const TileIndex& at) {
  return at.x_image + at.k / g.group_outputs * g.x_channel + at.z * g.axis[0].x_stride +
         at.y * g.axis[1].x_stride;
}

/// Starts to bring the window of a tile into shared memory; whole after copy_async_wait and a
/// barrier. What lies beyond the ends of the row comes through the boundary map.
template <typename Acc>
__device__ __forceinline__ void load_span(const Arguments& a, const TileIndex& at,
                                          Shared<Acc> window) {
  constexpr int vector = static_cast<int>(16 / sizeof(Acc));
  const AxisGeometry& ax = a.geometry.axis[2];
  const int size = a.tiling.window_cols;
  const int threads = a.tiling.threads_x;
  const std::int64_t first = at.x - ax.pad_lo;
  const std::int64_t row = fir_row(a.geometry, at);
  const auto within = [&](std::int64_t i) {
    return static_cast<int>(max(std::int64_t{0}, min(std::int64_t{size}, i)));
  };
  const int begin = within(-first);
  const int end = within(ax.input - first);
  const bool native = a.x_type == native_type<Acc>;
  const Global<const Acc> x = a.x.template as<const Acc>() + (row + first);
  if (native && begin == 0 && end == size && reinterpret_cast<std::uintptr_t>(x.data()) % 16 == 0) {
    for (int i = static_cast<int>(threadIdx.x) * vector; i < size; i += threads * vector) {
      copy_async<16>(window + i, x + i);
    }
  } else {
    for (int i = static_cast<int>(threadIdx.x); i < size; i += threads) {
      if (i < begin || i >= end) {
        window[i] = value_at<Acc>(a, place_along(ax, Place{}, first + i), row);
      } else if (native) {
        copy_async<static_cast<int>(sizeof(Acc))>(window + i, x + i);
      } else {
        window[i] = load_element<Acc>(a.x, a.x_type, row + first + i);
      }
    }
  }
  copy_async_commit();
}

/// One vector of taps, `count` of them, on the outputs of a thread. `x` is a ring of vectors, the
/// oldest at `oldest`.
template <typename Acc, int vector, int outputs>
__device__ __forceinline__ void add_taps(Acc (&sum)[outputs], const Vec<Acc, vector>& w,
                                         const Vec<Acc, vector> (&x)[fir_ring], int oldest,
                                         int count) {
#pragma unroll
  for (int j = 0; j < vector; ++j) {
    if (j >= count) break;
#pragma unroll
    for (int v = 0; v < outputs; ++v) {
      sum[v] =
          multiply_add(w[j], x[(oldest + (v + j) / vector) % fir_ring][(v + j) % vector], sum[v]);
    }
  }
}

/// The outputs of a thread: `taps` slides over the window from `x` on. Registers hold a ring of
/// vectors that turns once in four vectors of taps, so nothing is moved between registers.
template <typename Acc, int vector, int outputs>
__device__ __forceinline__ void slide(Acc (&sum)[outputs], Shared<Acc> window, Shared<Acc> taps,
                                      int count) {
  Vec<Acc, vector> x[fir_ring];
#pragma unroll
  for (int i = 0; i < fir_vectors; ++i) x[i] = window.template load<vector>(i * vector);
  const auto add = [&](int tap, int q, int left) {
    x[(q + fir_vectors) % fir_ring] =
        window.template load<vector>(tap + (q + fir_vectors) * vector);
    add_taps(sum, taps.template load<vector>(tap + q * vector), x, q, left);
  };
  int tap = 0;
#pragma unroll 1
  for (; tap + fir_ring * vector <= count; tap += fir_ring * vector) {
#pragma unroll
    for (int q = 0; q < fir_ring; ++q) add(tap, q, vector);
  }
#pragma unroll
  for (int q = 0; q < fir_ring; ++q) {
    const int left = count - tap - q * vector;
    if (left <= 0) break;
    add(tap, q, left);
  }
}

/// Whether the window of a tile reaches beyond the ends of its row.
__device__ __forceinline__ bool is_framed(const Arguments& a, const TileIndex& at) {
  const std::int64_t first = at.x - a.geometry.axis[2].pad_lo;
  return first < 0 || first + a.tiling.window_cols > a.geometry.axis[2].input;
}

/// Any result: `count` sums in `stage`, the outputs of a tile from column `first` on.
template <typename Acc>
__device__ __noinline__ void finish_span(const Arguments& a, const TileIndex& at, std::int64_t y,
                                         int first, int count, Shared<Acc> stage) {
  const bool framed = is_framed(a, at);
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x) % 32; i < count; i += 32) {
    Acc value = stage[i];
    if (framed && !is_finite(value)) value = sum_of_terms<Acc>(a, at, at.y, at.x + first + i);
    finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                   y + (first + i) * a.geometry.axis[2].y_stride);
  }
}

/// Stores the sums of a warp, which passes them through `stage` so that its lanes store neighbours.
template <typename Acc, int vector, int outputs>
__device__ __forceinline__ void store_span(const Arguments& a, const TileIndex& at,
                                           Shared<Acc> stage, const Acc (&sum)[outputs]) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ax = g.axis[2];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int first = static_cast<int>(threadIdx.x) / 32 * 32 * outputs;  // of the warp
  stage = stage + first;
#pragma unroll
  for (int i = 0; i < outputs; i += vector) {
    Vec<Acc, vector> part;
#pragma unroll
    for (int v = 0; v < vector; ++v) part[v] = sum[i + v];
    stage.template store<vector>(lane * outputs + i, part);
  }
  __syncwarp();
  const std::int64_t y = at.y_image + at.k * g.y_channel + at.z * g.axis[0].y_stride +
                         at.y * g.axis[1].y_stride + at.x * ax.y_stride;
  const int count = static_cast<int>(min(std::int64_t{32 * outputs}, ax.output - at.x - first));
  const Global<Acc> to = a.y.template as<Acc>() + (y + first);
  if (count < 32 * outputs || !a.epilogue.plain || a.y_type != native_type<Acc> ||
      ax.y_stride != 1 || reinterpret_cast<std::uintptr_t>(to.data()) % 16 != 0 ||
      is_framed(a, at)) {
    return finish_span(a, at, y, first, count, stage);
  }
#pragma unroll
  for (int i = lane * vector; i < 32 * outputs; i += 32 * vector) {
    to.template store<vector>(i, stage.template load<vector>(i));
  }
}

/// Brings the taps of channel `k` into shared memory, unless they are there.
template <typename Acc>
__device__ __forceinline__ void load_row_taps(const Arguments& a, std::int64_t k, Shared<Acc> taps,
                                              std::int64_t& loaded) {
  if (k == loaded) return;
  loaded = k;
  const int count = static_cast<int>(a.geometry.axis[2].filter);
  for (int i = static_cast<int>(threadIdx.x); i < a.tiling.taps_size; i += a.tiling.threads_x) {
    taps[i] = i < count ? tap_at<Acc>(a, k, 0, 0, 0, i) : Acc{};
  }
  __syncthreads();
}

/// A short filter along rows. A block walks over tiles of `tiling.cols` outputs of one row; a
/// thread computes fir_vectors 16-byte vectors of neighbours, the window and the taps in shared
/// memory. While one tile is summed, the window of the next is on its way.
///
///   grid    x: as many blocks as are resident; tiles in the order of tile_index
///   block   tiling.threads_x
///   shared  two windows of tiling.window_size, tiling.taps_size taps
template <typename Acc>
__global__ void __launch_bounds__(fir_threads, fir_residents)
    fir_kernel(const __grid_constant__ Arguments a) {
  constexpr int vector = static_cast<int>(16 / sizeof(Acc));
  constexpr int outputs = fir_vectors * vector;
  const Geometry& g = a.geometry;
  const Tiling& t = a.tiling;
  SharedMemory memory;
  const Shared<Acc> windows = memory.take<Acc>(2 * t.window_size);
  const Shared<Acc> taps = memory.take<Acc>(t.taps_size);
  // Places of this tile, the next and the one after, found by one thread: 64-bit divisions.
  FALTUNG_SHARED(TileIndex, places, 3);
  const auto find = [&](std::int64_t number, int slot) {
    if (threadIdx.x == 0 && number < t.tiles) places[slot] = tile_index(g, t, number);
  };
  std::int64_t number = blockIdx.x;
  int slot = 0;
  int window = 0;  // of this tile, in `windows`
  find(number, 0);
  find(number + gridDim.x, 1);
  __syncthreads();
  load_span(a, places[0], windows);
  std::int64_t loaded = -1;  // the channel whose taps are in shared memory
#pragma unroll 1
  for (; number < t.tiles; number += gridDim.x) {
    const int next = slot == 2 ? 0 : slot + 1;
    copy_async_wait<0>();
    __syncthreads();  // the window is whole, and the other has been stored from
    if (number + gridDim.x < t.tiles)
      load_span(a, places[next], windows + (t.window_size - window));
    find(number + 2 * std::int64_t{gridDim.x}, next == 2 ? 0 : next + 1);
    load_row_taps(a, TileIndex(places[slot]).k, taps, loaded);
    Acc sum[outputs] = {};
    slide<Acc, vector>(sum, windows + (window + static_cast<int>(threadIdx.x) * outputs), taps,
                       static_cast<int>(g.axis[2].filter));
    __syncthreads();  // the window has been read
    store_span<Acc, vector>(a, places[slot], windows + window, sum);
    window = t.window_size - window;
    slot = next;
  }
}

}  // namespace faltung::cuda::direct

#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/primitives/async_copy.cuh"

namespace faltung::cuda::direct {

/// Where a tile lies; found by one thread, so that the others spend no instructions on it.
struct Span {
  TileIndex at;
  std::int64_t x;     ///< offset of the first position of the window, within the row or not
  std::int64_t y;     ///< offset of the first output
  int begin, end;     ///< the elements of the row in the window; beyond stands the boundary
  int outputs;        ///< up to the end of the row
  bool whole_window;  ///< all of it elements of the accumulator's type, on 16 bytes
  bool whole_result;  ///< all outputs are stored as they are, on 16 bytes
};

template <typename Acc>
__device__ __forceinline__ Span find_span(const Arguments& a, const FirTiling& t,
                                          std::int64_t number) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ax = g.axis[2];
  const std::int64_t size = t.window_size;
  Span span;
  span.at = tile_index(g, t, number);
  const TileIndex& at = span.at;
  const std::int64_t first = at.x - ax.pad_lo;
  span.x = at.x_image + at.z * g.axis[0].x_stride + at.y * g.axis[1].x_stride + first;
  span.y = at.y_image + at.z * g.axis[0].y_stride + at.y * g.axis[1].y_stride + at.x * ax.y_stride;
  const auto within = [](std::int64_t end, std::int64_t i) {
    return static_cast<int>(max(std::int64_t{0}, min(end, i)));
  };
  span.begin = within(size, -first);
  span.end = within(size, ax.input - first);
  span.outputs = within(t.cols, ax.output - at.x);
  const bool interior = span.begin == 0 && span.end == size;
  span.whole_window =
      interior && a.x_type == native_type<Acc> && is_aligned(a.x.template as<const Acc>() + span.x);
  span.whole_result = interior && span.outputs == t.cols && a.epilogue.plain &&
                      a.y_type == native_type<Acc> && ax.y_stride == 1 &&
                      is_aligned(a.y.template as<Acc>() + span.y);
  return span;
}

/// The window of a tile, element by element, through the boundary map where it leaves the row.
template <typename Acc>
__device__ __noinline__ void load_any_span(const Arguments& a, const FirTiling& t,
                                           Shared<const Span> place, Shared<Acc> window) {
  const Span span = place[0];
  const AxisGeometry& ax = a.geometry.axis[2];
  const std::int64_t first = span.at.x - ax.pad_lo;
  const Global<const Acc> x = a.x.template as<const Acc>() + span.x;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < t.window_size; i += t.threads) {
    if (i < span.begin || i >= span.end) {
      window[i] = value_at<Acc>(a, place_along(ax, Place{}, first + i), span.x - first);
    } else if (a.x_type == native_type<Acc>) {
      copy_async<static_cast<int>(sizeof(Acc))>(window + i, x + i);
    } else {
      window[i] = load_element<Acc>(a.x, a.x_type, span.x + i);
    }
  }
}

/// Starts to bring the window of a tile into shared memory; whole after copy_async_wait and a
/// barrier.
template <typename Acc>
__device__ __forceinline__ void load_span(const Arguments& a, const FirTiling& t,
                                          Shared<const Span> place, Shared<Acc> window) {
  constexpr int vector = static_cast<int>(16 / sizeof(Acc));
  const Span span = place[0];
  if (span.whole_window) {
    const int first = static_cast<int>(threadIdx.x) * vector;
    const int step = t.threads * vector;
    Global<const Acc> x = a.x.template as<const Acc>() + (span.x + first);
#pragma unroll 4
    for (int i = first; i < t.window_size; i += step) {
      copy_async<16>(window + i, x);
      x = x + step;
    }
  } else {
    load_any_span(a, t, place, window);
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

/// Any result: the sums of a warp in `stage`, the outputs of a tile from column `first` on.
template <typename Acc>
__device__ __noinline__ void finish_span(const Arguments& a, const FirTiling& t,
                                         Shared<const Span> place, int first, int count,
                                         Shared<Acc> stage) {
  const Span span = place[0];
  const bool framed = span.begin != 0 || span.end != t.window_size;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x) % 32; i < count && first + i < span.outputs; i += 32) {
    Acc value = stage[i];
    if (framed && !is_finite(value)) {
      value = sum_of_terms<Acc>(a, span.at, span.at.y, span.at.x + first + i);
    }
    finish_element(a.epilogue, value, span.at.k, a.y, a.y_type,
                   span.y + (first + i) * a.geometry.axis[2].y_stride);
  }
}

/// Stores the sums of a warp, which passes them through `stage` so that its lanes store neighbours.
template <typename Acc, int vector, int outputs>
__device__ __forceinline__ void store_span(const Arguments& a, const FirTiling& t,
                                           Shared<const Span> place, Shared<Acc> stage,
                                           const Acc (&sum)[outputs]) {
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
  const Span span = place[0];
  if (!span.whole_result) {
    return finish_span(a, t, place, first, 32 * outputs, stage);
  }
  const Global<Acc> to = a.y.template as<Acc>() + (span.y + first + lane * vector);
#pragma unroll
  for (int i = 0; i < 32 * outputs; i += 32 * vector) {
    to.template store<vector>(i, stage.template load<vector>(lane * vector + i));
  }
}

/// Brings the taps of channel `k` into shared memory, unless they are there.
template <typename Acc>
__device__ __forceinline__ void load_row_taps(const Arguments& a, const FirTiling& t,
                                              Shared<const Span> place, Shared<Acc> taps,
                                              std::int64_t& loaded) {
  const std::int64_t k = Span(place[0]).at.k;
  if (k == loaded) return;
  loaded = k;
  const int count = static_cast<int>(a.geometry.axis[2].filter);
  for (int i = static_cast<int>(threadIdx.x); i < t.taps_size; i += t.threads) {
    taps[i] = i < count ? tap_at<Acc>(a, k, 0, 0, 0, i) : Acc{};
  }
  __syncthreads();
}

/// A short filter along rows. A block walks over tiles of `t.cols` outputs of one row; a
/// thread computes fir_vectors 16-byte vectors of neighbours, the window and the taps in shared
/// memory. While one tile is summed, the window of the next is on its way.
///
///   grid    x: as many blocks as are resident; tiles in the order of tile_index
///   block   t.threads_x
///   shared  two windows of t.window_size, t.taps_size taps
template <typename Acc>
__global__ void __launch_bounds__(fir_threads, fir_residents)
    fir_kernel(const __grid_constant__ Arguments a, const __grid_constant__ FirTiling t) {
  constexpr int vector = static_cast<int>(16 / sizeof(Acc));
  constexpr int outputs = fir_vectors * vector;
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const Shared<Acc> windows = memory.take<Acc>(2 * t.window_size);
  const Shared<Acc> taps = memory.take<Acc>(t.taps_size);
  // Of this tile, the next and the one after.
  FALTUNG_SHARED(Span, places, 3);
  // One warp after the other finds them, so that none of a multiprocessor's four parts has it all.
  int finder = 0;
  const auto find = [&](std::int64_t number, int slot) {
    if (static_cast<int>(threadIdx.x) == finder && number < t.tiles) {
      places[slot] = find_span<Acc>(a, t, number);
    }
    finder = finder + 32 == t.threads ? 0 : finder + 32;
  };
  std::int64_t number = blockIdx.x;
  int slot = 0;
  int window = 0;  // of this tile, in `windows`
  find(number, 0);
  find(number + gridDim.x, 1);
  __syncthreads();
  load_span<Acc>(a, t, places, windows);
  std::int64_t loaded = -1;  // the channel whose taps are in shared memory
#pragma unroll 1
  for (; number < t.tiles; number += gridDim.x) {
    const int next = slot == 2 ? 0 : slot + 1;
    copy_async_wait<0>();
    __syncthreads();  // the window is whole, and the other has been stored from
    if (number + gridDim.x < t.tiles)
      load_span<Acc>(a, t, places + next, windows + (t.window_size - window));
    find(number + 2 * std::int64_t{gridDim.x}, next == 2 ? 0 : next + 1);
    load_row_taps(a, t, places + slot, taps, loaded);
    Acc sum[outputs] = {};
    slide<Acc, vector>(sum, windows + (window + static_cast<int>(threadIdx.x) * outputs), taps,
                       static_cast<int>(g.axis[2].filter));
    __syncthreads();  // the window has been read
    store_span<Acc, vector>(a, t, places + slot, windows + window, sum);
    window = t.window_size - window;
    slot = next;
  }
}

}  // namespace faltung::cuda::direct

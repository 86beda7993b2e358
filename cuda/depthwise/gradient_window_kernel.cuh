#pragma once

#include "cuda/depthwise/gradient_window_policy.hpp"
#include "cuda/depthwise/window_kernel.cuh"

namespace faltung::cuda::depthwise {

/// Starts to copy the part of dy that a thread owns, zeros beyond its ends. `at` is its own first
/// element; its rows lie `step` apart in `to`.
template <typename T, int rows>
__device__ void load_gradient_window(const Arguments& a, const WindowTiling& t, const PlaneTile& at,
                                     Shared<T> to, int step) {
  constexpr int columns = window_columns<T>;
  const Geometry& g = a.geometry;
  const Global<const T> dy = a.w.template as<const T>() +
                             (at.b * g.y_batch + at.k * g.y_channel + at.z * g.axis[0].y_stride);
  const int inside =
      static_cast<int>(max(std::int64_t{0}, min(std::int64_t{columns}, g.axis[2].output - at.x)));
#pragma unroll 1
  for (int m = 0; m < rows; ++m) {
    const std::int64_t from = (at.y + m) * g.axis[1].y_stride + at.x;
    const int count = at.y + m < g.axis[1].output ? inside : 0;
    if (count == 0 || (count == columns && t.y_vectors)) {
      copy_async<16>(to + m * step, dy + (count == 0 ? 0 : from), count == 0 ? 0 : 16);
      continue;
    }
#pragma unroll 1
    for (int v = 0; v < columns; ++v) {
      copy_async<sizeof(T)>(to + (m * step + v), dy + (v < count ? from + v : 0),
                            v < count ? sizeof(T) : 0);
    }
  }
}

/// Adds dy x for the rows of dy that a thread owns and all taps.
template <typename T, int size>
__device__ __forceinline__ void add_gradient_window(const WindowTiling& t, Shared<const T> tile,
                                                    Shared<const T> own_dy, int step,
                                                    T (&sum)[size][size]) {
  constexpr int columns = window_columns<T>;
  constexpr int rows = window_rows(1, size, sizeof(T));
  constexpr int vectors = window_vectors(size, columns);
  constexpr int slack = (columns - size / 2 % columns) % columns;
  T dy[rows][columns];
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    const auto vector = own_dy.template load<columns>(m * step);
#pragma unroll
    for (int v = 0; v < columns; ++v) dy[m][v] = vector[v];
  }
#pragma unroll
  for (int p = 0; p < rows + size - 1; ++p) {
    T x[vectors * columns];
    load_window_row<rows>(t, tile, p, x);
#pragma unroll
    for (int m = 0; m < rows; ++m) {
      if (p - m < 0 || p - m >= size) continue;
#pragma unroll
      for (int v = 0; v < columns; ++v) {
#pragma unroll
        for (int s = 0; s < size; ++s) {
          sum[p - m][s] = multiply_add(dy[m][v], x[slack + v + s], sum[p - m][s]);
        }
      }
    }
  }
}

/// Filter gradients of f32 or f64 where window_kernel computes the forward pass of a plane. Slots
/// walk through the slices of one channel; a thread keeps its outputs' part of dy and the sums of
/// all taps in registers, so that a row of x, read once, makes `size` columns x rows products a
/// tap row. Second half: gradient_sum_kernel.
///
///   grid     x: channels x cut.chunks
///   block    t.threads() rounded up to warps
///   shared   gradient_window_shared(t, rows) elements
///   partial  [chunk][channel][tap], each written once
///
/// What a slice costs a thread (C = 16 / sizeof(T) columns, R = window_rows):
///
///   memory      x and dy once, but for the halo of tiles
///   wavefronts  a quarter of (R + size - 1) window_vectors + R for loads, as many as vectors for
///               copies
///   products    R C size^2
template <typename T, int size>
__global__ void __launch_bounds__(window_threads, 2)
    gradient_window_kernel(const __grid_constant__ Arguments a,
                           const __grid_constant__ WindowTiling t, const GradientRuns cut,
                           Global<T> partial) {
  constexpr int columns = window_columns<T>;
  constexpr int rows = window_rows(1, size, sizeof(T));
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const int own_step = static_cast<int>(blockDim.x) * columns;
  const int stage_size = t.slots * t.tile_size + rows * own_step;
  const Shared<T> shared = memory.take<T>(2 * stage_size);
  const int slot_threads = t.threads_x * t.threads_y;
  const int slot = static_cast<int>(threadIdx.x) / slot_threads;
  const int thread = static_cast<int>(threadIdx.x) - slot * slot_threads;
  const int thread_y = thread / t.threads_x, thread_x = thread - thread_y * t.threads_x;
  const int own_tile = min(slot, t.slots - 1) * t.tile_size;
  const int own_dy = t.slots * t.tile_size + static_cast<int>(threadIdx.x) * columns;
  const Quotient work = divide(blockIdx.x, cut.chunks);  // channel and chunk
  const std::int64_t first = work.rest * cut.run * t.slots + slot;
  const auto works = [&](int i) {
    return slot < t.slots && i < cut.run && first + std::int64_t{i} * t.slots < cut.slices;
  };
  const auto load = [&](int i) {
    if (works(i)) {
      const Shared<T> stage = shared + i % 2 * stage_size;
      PlaneTile at = plane_tile(g, t, work.whole * cut.slices + first + std::int64_t{i} * t.slots);
      constexpr bool stepped = sizeof(T) < 8 || size < 7;  // else 16 bytes are spilled
      load_window_tile<T, 1, size, Mapping::inlined, stepped>(a, t, at, at.z, stage + own_tile,
                                                              thread);
      at.y += thread_y * rows;
      at.x += thread_x * columns;
      load_gradient_window<T, rows>(a, t, at, stage + own_dy, own_step);
    }
    copy_async_commit();
  };
  T sum[size][size] = {};
  load(0);
#pragma unroll 1
  for (int i = 0; i < cut.run; ++i) {
    copy_async_wait<0>();
    __syncthreads();  // the slice is there, and the one before has been read
    load(i + 1);
    if (!works(i)) continue;
    const Shared<T> stage = shared + i % 2 * stage_size;
    add_gradient_window<T, size>(
        t, stage + (own_tile + columns * (thread_y * (rows * t.pieces + t.skew) + thread_x)),
        stage + own_dy, own_step, sum);
  }
  // Lanes, then warps, in a fixed order.
  constexpr int warps = window_threads / 32;
  FALTUNG_SHARED(T, totals, warps * size * size);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int tap = 0; tap < size * size; ++tap) {
    T total = sum[tap / size][tap % size];
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      total += __shfl_xor_sync(0xffffffffu, total, distance);
    }
    if (lane == tap % 32) totals[warp * size * size + tap] = total;
  }
  __syncthreads();
  for (int tap = static_cast<int>(threadIdx.x); tap < size * size;
       tap += static_cast<int>(blockDim.x)) {
    T total{};
    for (int w = 0; w < static_cast<int>(blockDim.x) / 32; ++w) {
      total += totals[w * size * size + tap];
    }
    partial[(work.rest * g.channels + work.whole) * (size * size) + tap] = total;
  }
}

}  // namespace faltung::cuda::depthwise

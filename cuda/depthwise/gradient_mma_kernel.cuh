#pragma once

#include "cuda/depthwise/depthwise_kernel.cuh"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/primitives/mma.cuh"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::depthwise {

/// Starts to load a tile of x, zeros where no tap needs it.
template <typename T>
__device__ void load_gradient_x(const Arguments& a, const GradientTiling& t, std::int64_t k,
                                const PlaneTile& at, Shared<T> tile) {
  const Geometry& g = a.geometry;
  TileSource<T> source{
      a.x.template as<const T>() + (at.b * g.x_batch + g.first_input(k) * g.x_channel),
      g.axis,
      static_cast<int>(at.z),
      t.folded ? 0 : static_cast<int>(at.y - g.axis[1].pad_lo),
      at.x + 8 * t.first,
      t.folded ? 0 : 1,
      t.folded ? t.cols : 0};
  source.aligned = t.x_vectors;
  source.kept_rows = t.x_rows;
  source.kept_count = t.x_pieces;
  source.interior = source.holds(t.x_rows, 8 * t.x_pieces);
  load_tile<8, Mapping::inlined, Zeros::trimmed>(
      source, t.x_height, t.x_pitch / 8, static_cast<int>(threadIdx.x), 32 * gradient_mma_warps,
      [&](int row, int piece) { return tile + (row * t.x_pitch + 8 * piece); });
}

/// The same for dy, which is zero beyond its ends.
template <typename T>
__device__ void load_gradient_dy(const Arguments& a, const GradientTiling& t, std::int64_t k,
                                 const PlaneTile& at, Shared<T> tile) {
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const Global<const T> plane =
      a.w.template as<const T>() + (at.b * g.y_batch + k * g.y_channel + at.z * g.axis[0].y_stride);
  const int halves = t.y_pitch / 8;
  for (int i = static_cast<int>(threadIdx.x); i < 16 * t.blocks * halves;
       i += 32 * gradient_mma_warps) {
    const int row = i / halves;
    const int piece = i - row * halves;
    const std::int64_t y = t.folded ? 0 : at.y + row;
    const std::int64_t x = at.x + 8 * piece + (t.folded ? row * t.cols : 0);
    const Shared<T> to = tile + 8 * i;
    const int columns =
        row < t.rows && piece < t.pieces && y < ay.output
            ? static_cast<int>(max(std::int64_t{0}, min(std::int64_t{8}, ax.output - x)))
            : 0;
    if (columns == 0 || (columns == 8 && t.y_vectors)) {
      copy_async<16>(to, plane + (columns == 8 ? y * ay.y_stride + x : 0), 2 * columns);
      continue;
    }
#pragma unroll 1
    for (int v = 0; v < 8; ++v) to[v] = v < columns ? plane[y * ay.y_stride + x + v] : T{};
  }
}

/// Adds what one row block of a tile gives to the sums of one warp. `x` and `dy` begin at the
/// block's rows, `x` also at the warp's first tap.
template <typename T, int tap_rows, int deltas>
__device__ __forceinline__ void add_gradient(const GradientTiling& t, const GradientTaps& taps,
                                             Shared<T> x, Shared<T> dy,
                                             float (&sum)[tap_rows * deltas / 2][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  // Lanes 16 to 31 take the next filter row.
  const Shared<T> lane_x = x + (lane % 16 + lane / 16) * t.x_pitch;
  const Shared<T> lane_dy = dy + lane % 16 * t.y_pitch;
  std::uint32_t window[tap_rows][deltas][2];
  const auto load = [&](int piece) {  // into the last place of every row's window
    if constexpr (tap_rows == 1) {
      load_matrix<2, true>(window[0][deltas - 1], x + (lane % 16 * t.x_pitch + 8 * piece));
    } else {
#pragma unroll
      for (int r = 0; r < tap_rows; r += 2) {
        if (r >= taps.rows) continue;
        std::uint32_t two[4];
        load_matrix<4, true>(two, lane_x + (r * t.x_pitch + 8 * piece));
        window[r][deltas - 1][0] = two[0];
        window[r][deltas - 1][1] = two[1];
        window[r + 1][deltas - 1][0] = two[2];
        window[r + 1][deltas - 1][1] = two[3];
      }
    }
  };
  const auto advance = [&] {
#pragma unroll
    for (int r = 0; r < tap_rows; ++r) {
#pragma unroll
      for (int d = 0; d < deltas - 1; ++d) {
        window[r][d][0] = window[r][d + 1][0];
        window[r][d][1] = window[r][d + 1][1];
      }
    }
  };
#pragma unroll
  for (int r = 0; r < tap_rows; ++r) {
#pragma unroll
    for (int d = 0; d < deltas; ++d) window[r][d][0] = window[r][d][1] = 0;
  }
#pragma unroll
  for (int d = 0; d < deltas - 1; ++d) {
    load(d);
    advance();
  }
#pragma unroll 1
  for (int j = 0; j < t.pieces; ++j) {
    load(j + deltas - 1);
    std::uint32_t b[2];
    load_matrix<2, true>(b, lane_dy + 8 * j);
#pragma unroll
    for (int q = 0; q < tap_rows * deltas / 2; ++q) {
      constexpr int n = deltas;
      const int one = 2 * q, two = 2 * q + 1;
      if (one / n >= taps.rows) continue;
      mma_m16n8k16<T>(sum[q],
                      {window[one / n][one % n][0], window[two / n][two % n][0],
                       window[one / n][one % n][1], window[two / n][two % n][1]},
                      b);
    }
    advance();
  }
}

/// Where the product of column `at` of the pieces of x and column n of dy waits for its sum: the
/// taps of four rows and eight columns, which 32 lanes read, lie in different banks.
template <int deltas>
__device__ __forceinline__ int diagonal_place(int r, int at, int n) {
  return (r * deltas * 8 + at) * 8 + (n ^ (at & 4) ^ (r & 3));
}

/// The diagonals of all warps' products into `partial`, in a fixed order.
template <int tap_rows, int deltas>
__device__ void store_gradient(const Geometry& g, const GradientTiling& t, const GradientWork& work,
                               const float (&sum)[tap_rows * deltas / 2][4], Shared<float> stage,
                               Global<float> partial) {
  constexpr int warp_size = tap_rows * deltas * 64;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int i = 0; i < tap_rows * deltas; ++i) {
    const int r = i / deltas;
    const float one = sum[i / 2][i % 2 * 2], two = sum[i / 2][i % 2 * 2 + 1];
    const int place = diagonal_place<deltas>(r, i % deltas * 8 + lane / 4, lane % 4 * 2) & ~1;
    (stage + warp * warp_size)
        .template store<2>(place, {{r % 2 == 0 ? one : two, r % 2 == 0 ? two : one}});
  }
  __syncthreads();
  const std::int64_t filter_columns = g.axis[2].filter;
  for (int part = 0; part < t.warp_groups; ++part) {
    const GradientTaps taps = gradient_group(g, t, work.group + part);
    for (int i = static_cast<int>(threadIdx.x); i < taps.rows * taps.columns;
         i += 32 * gradient_mma_warps) {
      const int r = i / taps.columns;
      const int s = taps.column + i - r * taps.columns;
      // Column n of dy meets tap s at column begin + n of the pieces of x from taps.delta on.
      const int begin = s - static_cast<int>(g.axis[2].pad_lo) - 8 * (t.first + taps.delta);
      float total = 0;
      for (int w = part; w < gradient_mma_warps; w += t.warp_groups) {
#pragma unroll
        for (int n = 0; n < 8; ++n) {
          total += stage[w * warp_size + diagonal_place<deltas>(r, begin + n, n)];
        }
      }
      partial[(work.chunk * g.channels + work.k) * g.taps() + (taps.row + r) * filter_columns + s] =
          total;
    }
  }
}

/// Filter gradients of f16 or bf16, stride 1, on tensor cores. A piece of dy is 8 columns of 16
/// rows, which the products are summed over; with the same rows of x, r lower and `delta` pieces
/// further, it makes 8 x 8 sums, in one half of an mma.sync m16n8k16:
///
///     D[m][n] = sum over 16 rows y of  x[y + r][8 (j + delta) + m] dy[y][8 j + n]
///
/// dw[r][s] is the diagonal m + 8 delta - n = s - pad of all of them, which is added up once, at
/// the end. A piece of x serves all the pieces of dy that it meets from registers. Units, row
/// blocks of 16, and groups of taps are shared out to the warps. Second half: gradient_sum_kernel.
///
///   grid     x: channels x t.chunks x t.grid_groups, in the order of gradient_work
///   block    32 x gradient_mma_warps
///   shared   gradient_mma_shared(t) elements
///   partial  [chunk][channel][tap], each written once
///
/// What a tile costs (R taps' rows, C pieces of dy, B row blocks, D = deltas of a group):
///
///   memory      x and dy once; between tiles R - 1 rows and D - 1 pieces again
///   wavefronts  a piece each to load; B (C (2 R + 2) + 2 R (D - 1)) for a group of taps
///   mma         B C R D / 2, of which S / (8 D) is useful
template <typename T, int tap_rows, int deltas>
__global__ void __launch_bounds__(32 * gradient_mma_warps, tap_rows == 8 ? 3 : 4)
    gradient_mma_kernel(const __grid_constant__ Arguments a,
                        const __grid_constant__ GradientTiling t, Global<float> partial) {
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const int tile_size = t.x_size + t.y_size;
  const int sums = gradient_mma_warps * tap_rows * deltas * 64 * 2;
  const Shared<T> shared = memory.take<T>(max(2 * t.planes * tile_size, sums));
  const GradientWork work = gradient_work(t, blockIdx.x);
  const auto load = [&](std::int64_t number) {
    for (int i = 0; i < t.planes; ++i) {
      const std::int64_t tile = number * t.planes + i;
      if (tile >= t.tiles) break;
      const PlaneTile at = plane_tile(g, t, tile);
      const Shared<T> to = shared + (static_cast<int>(number % 2) * t.planes + i) * tile_size;
      load_gradient_x(a, t, work.k, at, to);
      load_gradient_dy(a, t, work.k, at, to + t.x_size);
    }
  };
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const GradientTaps taps = gradient_group(g, t, work.group + warp % t.warp_groups);
  float sum[tap_rows * deltas / 2][4] = {};
  load(work.first);
  copy_async_commit();
#pragma unroll 1
  for (std::int64_t number = work.first; number < work.last; ++number) {
    copy_async_wait<0>();
    __syncthreads();  // the load is there, and the one before has been read
    if (number + 1 < work.last) load(number + 1);
    copy_async_commit();
    const int planes = static_cast<int>(min(std::int64_t{t.planes}, t.tiles - number * t.planes));
    for (int unit = warp / t.warp_groups; unit < planes * t.blocks && taps.rows > 0;
         unit += gradient_mma_warps / t.warp_groups) {
      const int plane = unit / t.blocks;
      const int block = unit - plane * t.blocks;
      const Shared<T> tile = shared + (static_cast<int>(number % 2) * t.planes + plane) * tile_size;
      add_gradient<T, tap_rows, deltas>(
          t, taps, tile + ((16 * block + taps.row) * t.x_pitch + 8 * taps.delta),
          tile + (t.x_size + 16 * block * t.y_pitch), sum);
    }
  }
  __syncthreads();  // the last load has been read
  store_gradient<tap_rows, deltas>(g, t, work, sum, shared.template as<float>(), partial);
}

}  // namespace faltung::cuda::depthwise

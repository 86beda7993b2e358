#pragma once

#include "cuda/direct/direct_kernel.cuh"

namespace faltung::cuda::direct {

/// Whether a block of a sum starts at the first taps of channel c and slice z.
__device__ __forceinline__ bool starts_block(const OrderedTiling& t, std::int64_t c,
                                             std::int64_t z) {
  return c % t.block[0] == 0 && z % t.block[1] == 0;
}

/// sum_of_terms, block by block.
template <typename Acc>
__device__ __noinline__ Acc ordered_terms(const Arguments& a, const OrderedTiling& t,
                                          const TileIndex& at, std::int64_t y, std::int64_t x) {
  const AxisGeometry(&axis)[3] = a.geometry.axis;
  const std::int64_t outputs[3] = {at.z, y, x};
  const auto along = [&](int i, const Place& place, std::int64_t r) {
    return place_along(axis[i], place,
                       outputs[i] * axis[i].stride + r * axis[i].dilation - axis[i].pad_lo);
  };
  Acc sum{}, total{};
  for (std::int64_t c = 0; c < a.geometry.group_inputs; ++c) {
    const std::int64_t channel = at.x_image + c * a.geometry.x_channel;
    for (std::int64_t q = 0; q < axis[0].filter; ++q) {
      const Place slice = along(0, Place{}, q);
      for (std::int64_t r = 0; r < axis[1].filter; ++r) {
        const Place row = along(1, slice, r);
        for (std::int64_t s = 0; s < axis[2].filter; ++s) {
          if (starts_block(t, c, q) && r % t.block[2] == 0 && s % t.block[3] == 0) {
            total += sum;
            sum = Acc{};
          }
          const Place place = along(2, row, s);
          if (place.what == Stands::nothing || place.what == Stands::between) continue;
          sum =
              multiply_add(tap_at<Acc>(a, at.k, c, q, r, s), value_at<Acc>(a, place, channel), sum);
        }
      }
    }
  }
  return total + sum;
}

/// direct_kernel for sums in the order of cpp/core/order.hpp, and so with the bits of the CPU: see
/// docs/reproducible.md. Grid, block and shared memory are its own, too. Totals beside the sums
/// take more registers than two resident blocks have.
template <typename Acc, bool dense>
__global__ void __launch_bounds__(max_threads, 1)
    ordered_kernel(const __grid_constant__ Arguments a, const __grid_constant__ OrderedTiling t) {
  constexpr int rows = Shape<sizeof(Acc)>::rows;
  constexpr int cols = Shape<sizeof(Acc)>::cols;
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const Shared<Acc> window = memory.take<Acc>(t.window_size);
  const Shared<Acc> taps = memory.take<Acc>(t.taps_size);
  for (std::int64_t number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    const TileIndex at = tile_index(g, t, number);
    Acc sum[rows][cols] = {}, total[rows][cols] = {};
    bool framed = false;
    const auto end_block = [&] {
#pragma unroll
      for (int m = 0; m < rows; ++m) {
#pragma unroll
        for (int v = 0; v < cols; ++v) {
          total[m][v] += sum[m][v];
          sum[m][v] = Acc{};
        }
      }
    };
    for (std::int64_t c = 0; c < g.group_inputs; ++c) {
      for (std::int64_t z = 0; z < g.axis[0].filter; ++z) {
        Chunk chunk{};
        chunk.channel = at.x_image + c * g.x_channel;
        chunk.slice =
            place_along(g.axis[0], Place{},
                        at.z * g.axis[0].stride + z * g.axis[0].dilation - g.axis[0].pad_lo);
        for (std::int64_t y = 0; y < g.axis[1].filter; y += t.block[2]) {
          const std::int64_t last_y = min(y + t.block[2], g.axis[1].filter);
          for (std::int64_t x = 0; x < g.axis[2].filter; x += t.block[3]) {
            const std::int64_t last_x = min(x + t.block[3], g.axis[2].filter);
            if (starts_block(t, c, z)) end_block();
            if (chunk.slice.what == Stands::nothing) continue;
            for (chunk.y = y; chunk.y < last_y; chunk.y += t.chunk_rows) {
              chunk.rows = static_cast<int>(min(std::int64_t{t.chunk_rows}, last_y - chunk.y));
              for (chunk.x = x; chunk.x < last_x; chunk.x += t.chunk_cols) {
                chunk.cols = static_cast<int>(min(std::int64_t{t.chunk_cols}, last_x - chunk.x));
                __syncthreads();  // the chunk before has been read
                load_taps(a, t, at, c, z, chunk, taps);
                if (!load_window(a, t, at, chunk, window)) framed = true;
                __syncthreads();
                if constexpr (dense) {
                  add_dense(sum, t, chunk, window, taps);
                } else {
                  add_sparse(sum, t, chunk, window, taps);
                }
              }
            }
          }
        }
      }
    }
    end_block();
    if constexpr (dense) {
      if (!framed && store_vectors(a, t, at, total)) continue;
    }
    store_tile<Acc, dense>(a, t, at, framed, window, total, [&](std::int64_t y, std::int64_t x) {
      return ordered_terms<Acc>(a, t, at, y, x);
    });
  }
}

}  // namespace faltung::cuda::direct

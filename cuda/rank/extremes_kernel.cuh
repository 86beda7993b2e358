#pragma once

#include "cuda/rank/box_kernel.cuh"

namespace faltung::cuda::rank {

/// From minima of `span` neighbours to minima of up to four times as many, `stride` keys apart;
/// `left` keys are made.
///
/// @param from, to  where they begin in `keys`
template <typename K>
__device__ __forceinline__ void widen(Shared<K> keys, int from, int to, int span, int more,
                                      int stride, int left) {
  const int second = min(span, more) * stride;
  const int third = min(2 * span, more) * stride;
  const int fourth = more * stride;
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < left; i += threads) {
    K least = min(K(keys[from + i]), K(keys[from + i + second]));
    if (more > span) least = min(least, K(keys[from + i + third]));
    if (more > 2 * span) least = min(least, K(keys[from + i + fourth]));
    keys[to + i] = least;
  }
}

/// The least key of every window that is a box: maxima have their keys reversed. The keys that a
/// tile reaches are loaded once. Along each axis in turn minima of s neighbours become minima of up
/// to 4 s from two to four of them, so that a window takes log4 of its extent steps. Keys are taken
/// as one row, whatever axis it is: where a window would run over the end of a row nobody reads
/// what comes out.
///
///   grid    x: boxes, as often as needed
///   shared  places of rows, and the keys twice
template <typename K>
__global__ void __launch_bounds__(threads)
    extremes_kernel(const __grid_constant__ BoxArguments<K> a) {
  SharedMemory shared;
  const auto rows = shared.take<std::int64_t>(a.rows);
  const auto keys = shared.take<K>(2 * a.keys);
  const std::int64_t tiles = a.tiles[0] * a.tiles[1] * a.tiles[2] * a.all;
#pragma unroll 1
  for (std::int64_t number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile t = tile_at(a, number);
    load_keys(a, t, rows, keys);
    int from = 0, to = a.keys;  // numbers, as swapped pointers would no longer say what they are
    int left = t.keys();
#pragma unroll 1
    for (int axis = 0; axis < box_axes; ++axis) {
      const int window = static_cast<int>(a.g.axis[axis].window);
      const int stride = axis == 0 ? t.reach[1] * t.reach[2] : axis == 1 ? t.reach[2] : 1;
#pragma unroll 1
      for (int span = 1; span < window;) {
        const int more = min(3 * span, window - span);
        left -= more * stride;
        __syncthreads();
        widen(keys, from, to, span, more, stride, left);
        from = to;
        to = a.keys - from;
        span += more;
      }
    }
    __syncthreads();
    for_results(a, t, [&](int key, std::int64_t at) {
      a.y[at] = bits_of<K>(a.g.rule, K(keys[from + key]));
    });
    __syncthreads();
  }
}

}  // namespace faltung::cuda::rank

#pragma once

#include <type_traits>

#include "cuda/rank/box_kernel.cuh"

/// Medians of small squares by networks of minima and maxima in registers.
namespace faltung::cuda::rank {

template <typename W>
__device__ __forceinline__ void exchange(W& low, W& high) {
  const W least = min(low, high);
  high = max(low, high);
  low = least;
}

template <typename W>
__device__ __forceinline__ W middle_of(W a, W b, W c) {
  return max(min(a, b), min(max(a, b), c));
}

/// Of 9: columns in order; then the middle one of the greatest of the least, the middle one of the
/// middle, and the least of the greatest. Nothing else can have four below it and four above.
/// 19 exchanges, of some of which one half is used.
/// (A. Paeth, "Median Finding on a 3x3 Grid", Graphics Gems, 1990.)
template <typename W, typename Member>
__device__ __forceinline__ W median_of_9(const Member& member) {
  W v[3][3];
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    v[i][0] = member(i);
    v[i][1] = member(3 + i);
    v[i][2] = member(6 + i);
    exchange(v[i][0], v[i][1]);
    exchange(v[i][1], v[i][2]);
    exchange(v[i][0], v[i][1]);
  }
  return middle_of(max(max(v[0][0], v[1][0]), v[2][0]), middle_of(v[0][1], v[1][1], v[2][1]),
                   min(min(v[0][2], v[1][2]), v[2][2]));
}

/// Brings the least of the first n to the front and the greatest to the end: 3 n / 2 - 2 exchanges.
template <int n, typename W, int size>
__device__ __forceinline__ void part_extremes(W (&v)[size]) {
#pragma unroll
  for (int i = 0; i < n / 2; ++i) exchange(v[i], v[n - 1 - i]);
#pragma unroll
  for (int i = 1; i < (n + 1) / 2; ++i) {
    exchange(v[0], v[i]);
    exchange(v[n - 1 - i], v[n - 1]);
  }
}

/// The least and the greatest of n / 2 + 2 of n members cannot be the median: both are forgotten,
/// and one more takes part, until three are left.
template <int kept, int members, typename W, int size, typename Member>
__device__ __forceinline__ W forget(W (&v)[size], const Member& member) {
  part_extremes<kept>(v);
  if constexpr (kept == 3) {
    return v[1];
  } else {
    v[0] = member(members / 2 + 2 + (members / 2 + 2 - kept));
    return forget<kept - 1, members>(v, member);
  }
}

template <int members, typename W, typename Member>
__device__ __forceinline__ W median_by_forgetting(const Member& member) {
  W v[members / 2 + 2];
#pragma unroll
  for (int i = 0; i < members / 2 + 2; ++i) v[i] = member(i);
  return forget<members / 2 + 2, members>(v, member);
}

/// Which axes of a box the sides of the square lie along.
struct Square {
  int first = 1, second = 2;
};

/// The median of windows of side x side. A thread has one result at a time, all members of which
/// it holds, or so many as can still be the median.
///
///   grid    x: boxes, as often as needed
///   shared  places of rows, and the keys
template <typename K, int side>
__global__ void __launch_bounds__(threads)
    median_kernel(const __grid_constant__ BoxArguments<K> a, const __grid_constant__ Square s) {
  using W = std::conditional_t<(sizeof(K) < 4), std::uint32_t, K>;
  SharedMemory shared;
  const auto rows = shared.take<std::int64_t>(a.rows);
  const auto keys = shared.take<K>(a.keys);
  const std::int64_t tiles = a.tiles[0] * a.tiles[1] * a.tiles[2] * a.all;
#pragma unroll 1
  for (std::int64_t number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile t = tile_at(a, number);
    load_keys(a, t, rows, keys);
    const int row = t.reach[2], slice = t.reach[1] * t.reach[2];
    const int first = s.first == 0 ? slice : row;
    const int second = s.second == 1 ? row : 1;
    __syncthreads();
    for_results(a, t, [&](int key, std::int64_t at) {
      const auto member = [&](int i) {
        return static_cast<W>(K(keys[key + i / side * first + i % side * second]));
      };
      W chosen;
      if constexpr (side == 3) {
        chosen = median_of_9<W>(member);
      } else {
        chosen = median_by_forgetting<side * side, W>(member);
      }
      a.y[at] = bits_of<K>(a.g.rule, static_cast<K>(chosen));
    });
    __syncthreads();
  }
}

}  // namespace faltung::cuda::rank

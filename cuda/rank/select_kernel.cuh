#pragma once

#include "cuda/rank/box_kernel.cuh"
#include "cuda/rank/select.cuh"

namespace faltung::cuda::rank {

/// Which keys of a box are members.
struct Members {
  Global<const Run> runs;  ///< null: all of the window's box
  int count = 0;           ///< of the runs
  int all = 0, rank = 0;   ///< of the members
};

/// Calls f with every member of the window whose corner is key `at`.
template <typename K, typename F>
__device__ __forceinline__ void for_members(const BoxArguments<K>& a, const Members& m,
                                            const Tile& t, Shared<K> keys, int at, const F& f) {
  const int rows_of_slice = static_cast<int>(a.g.axis[1].window);
#pragma unroll 1
  for (int number = 0; number < m.count; ++number) {
    Run run;
    if (m.runs.data() == nullptr) {
      const int z = number / rows_of_slice;
      run = {z, number - z * rows_of_slice, 0, static_cast<int>(a.g.axis[2].window)};
    } else {
      run = m.runs[number];
    }
    const int first = at + (run.z * t.reach[1] + run.y) * t.reach[2] + run.x;
#pragma unroll 4
    for (int i = 0; i < run.length; ++i) f(K(keys[first + i]));
  }
}

/// The member of every window with a rank, any window. A thread has one result at a time and finds
/// it by counting, from keys in shared memory.
///
///   grid    x: boxes, as often as needed
///   shared  places of rows, and the keys
template <typename K>
__global__ void __launch_bounds__(threads)
    select_kernel(const __grid_constant__ BoxArguments<K> a, const __grid_constant__ Members m) {
  SharedMemory shared;
  const auto rows = shared.take<std::int64_t>(a.rows);
  const auto keys = shared.take<K>(a.keys);
  const std::int64_t tiles = a.tiles[0] * a.tiles[1] * a.tiles[2] * a.all;
#pragma unroll 1
  for (std::int64_t number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile t = tile_at(a, number);
    load_keys(a, t, rows, keys);
    __syncthreads();
    for_results(a, t, [&](int key, std::int64_t at) {
      const K chosen =
          select<K, int>(m.rank, m.all, [&](const auto& f) { for_members(a, m, t, keys, key, f); });
      a.y[at] = bits_of<K>(a.g.rule, chosen);
    });
    __syncthreads();
  }
}

}  // namespace faltung::cuda::rank

#pragma once

#include "cuda/separable/low_rank.cuh"

/// Factors that are found once, when a filter is bound to a plan, and kept in memory: bound_size()
/// accumulators for each channel.
namespace faltung::cuda::separable {

/// Calls f(where in shared memory, which of the kept) for each tap of the lines; all threads share
/// the work.
template <typename Acc, typename F>
__device__ __forceinline__ void for_each_kept(const Geometry& g, const Factors<Acc>& factors,
                                              const F& f) {
  int kept = 1;
#pragma unroll 1
  for (int axis = 0; axis < max_rank; ++axis) {
    const int length = static_cast<int>(g.axis[axis].filter);
    const int count = static_cast<int>(line_taps(g, axis));
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < count; i += threads) {
      f(factors.of(axis, i / length) + i % length, kept + i);
    }
    kept += count;
  }
}

/// The factors of channel k in shared memory: found now, or before.
template <typename Acc, bool several>
__device__ __forceinline__ bool get_factors(const Arguments& a, std::int64_t k,
                                            const Factors<Acc>& factors) {
  if (a.bound.data() == nullptr) return find_factors<Acc, several>(a, k, factors);
  const auto kept = a.bound.template as<const Acc>() + k * bound_size(a.geometry);
  for_each_kept<Acc>(a.geometry, factors, [&](Shared<Acc> to, int i) { to[0] = kept[i]; });
  __syncthreads();
  return kept[0] != 0;
}

/// Finds the factors of all channels, a block for each.
///
///   grid    x: channels, as often as needed
///   block   threads
///   shared  bound_size(geometry) accumulators
template <typename Acc>
__global__ void __launch_bounds__(threads)
    factor_kernel(const __grid_constant__ Arguments a, Global<Acc> bound) {
  const Geometry& g = a.geometry;
  SharedMemory memory;
  Factors<Acc> factors;
#pragma unroll
  for (int axis = 0; axis < max_rank; ++axis) {
    factors.line[axis] = memory.take<Acc>(static_cast<int>(line_taps(g, axis)));
    factors.step[axis] = static_cast<int>(g.axis[axis].filter);
  }
  for (std::int64_t k = blockIdx.x; k < g.channels; k += gridDim.x) {
    __syncthreads();  // the channel before has been stored
    const bool separable = find_factors<Acc, true>(a, k, factors);
    const Global<Acc> kept = bound + k * bound_size(g);
    for_each_kept<Acc>(g, factors,
                       [&](Shared<Acc> from, int i) { kept[i] = separable ? from[0] : Acc{}; });
    if (threadIdx.x == 0) kept[0] = separable ? Acc{1} : Acc{0};
  }
}

}  // namespace faltung::cuda::separable

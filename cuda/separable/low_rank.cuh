#pragma once

#include "cuda/separable/factors.cuh"

/// The factors of a filter of two axes that is the sum of a few outer products, from its taps: by
/// elimination with complete pivots, as outer_terms does it on the host.
///
///     R_0 = w     u_t = column / p, v_t = row through the largest p of R_t     R_t+1 = R_t - u_t
///     v_t
namespace faltung::cuda::separable {

/// R_terms at a tap of channel k.
template <typename Acc>
__device__ __forceinline__ Acc remainder(const Arguments& a, std::int64_t k, int y, int x,
                                         const Factors<Acc>& f, int terms) {
  Acc rest = tap_at<Acc>(a, k, 0, y, x);
#pragma unroll 1
  for (int t = 0; t < terms; ++t) {
    const Acc u = f.of(1, t)[y];
    const Acc v = f.of(2, t)[x];
    rest = multiply_add(-u, v, rest);
  }
  return rest;
}

/// The sums of each of three values over all threads of the block, for all of them.
struct BlockSums {
  double value[3];
};
__device__ __forceinline__ BlockSums sum_over_block(BlockSums own) {
  constexpr unsigned all = 0xffffffffu;
  constexpr int warps = threads / 32;
  FALTUNG_SHARED(double, sums, 3 * warps);
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < 3; ++i) {
#pragma unroll 1
    for (int distance = 16; distance > 0; distance /= 2) {
      own.value[i] += __shfl_xor_sync(all, own.value[i], distance);
    }
    if (thread % 32 == 0) sums[i * warps + thread / 32] = own.value[i];
    own.value[i] = 0;
  }
  __syncthreads();
#pragma unroll 1
  for (int warp = 0; warp < warps; ++warp) {
#pragma unroll
    for (int i = 0; i < 3; ++i) own.value[i] += sums[i * warps + warp];
  }
  return own;
}

/// Puts the factors of all terms of channel k into shared memory. Whether sums by them err no more
/// than TermsBound grants; the same answer for all threads, which then see the factors. The block
/// calls it as a whole.
template <typename Acc>
__device__ __forceinline__ bool find_terms(const Arguments& a, std::int64_t k,
                                           const Factors<Acc>& f) {
  const Geometry& g = a.geometry;
  const int ky = static_cast<int>(g.axis[1].filter), kx = static_cast<int>(g.axis[2].filter);
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) f.of(0, 0)[0] = Acc{1};
#pragma unroll 1
  for (int t = 0; t < g.terms; ++t) {
    const auto rest = [&](int y, int x) { return remainder<Acc>(a, k, y, x, f, t); };
    bool finite = true;
    const Pivot<Acc> pivot = find_pivot<Acc>(
        ky * kx, [&](int i) { return rest(i / kx, i % kx); }, finite);
    if (!finite) return false;
    const int row = pivot.at / kx, column = pivot.at % kx;
    const Acc largest = rest(row, column);
#pragma unroll 1
    for (int i = thread; i < ky + kx; i += threads) {
      if (i < ky) {
        f.of(1, t)[i] = pivot.size != 0 ? rest(i, column) / largest : Acc{};
      } else {
        f.of(2, t)[i - ky] = rest(row, i - ky);
      }
    }
    __syncthreads();
  }
  BlockSums own{};  // of sum|u||v|, |R| and w w
#pragma unroll 1
  for (int i = thread; i < ky * kx; i += threads) {
    const int y = i / kx, x = i % kx;
    const auto tap = static_cast<double>(tap_at<Acc>(a, k, 0, y, x));
    own.value[2] = multiply_add(tap, tap, own.value[2]);
    own.value[1] += fabs(static_cast<double>(remainder<Acc>(a, k, y, x, f, g.terms)));
#pragma unroll 1
    for (int t = 0; t < g.terms; ++t) {
      const Acc u = f.of(1, t)[y];
      const Acc v = f.of(2, t)[x];
      own.value[0] =
          multiply_add(fabs(static_cast<double>(u)), fabs(static_cast<double>(v)), own.value[0]);
    }
  }
  const BlockSums all = sum_over_block(own);
  return a.tolerance.passes * all.value[0] + all.value[1] <=
         a.tolerance.granted * sqrt(all.value[2]);
}

/// The factors of channel k: of an outer product, or of the sum of `several`.
template <typename Acc, bool several>
__device__ __forceinline__ bool find_factors(const Arguments& a, std::int64_t k,
                                             const Factors<Acc>& f) {
  if constexpr (several && !std::is_integral_v<Acc>) {
    if (a.geometry.terms > 1) return find_terms<Acc>(a, k, f);
  }
  return find_product<Acc>(a, k, f);
}

}  // namespace faltung::cuda::separable
